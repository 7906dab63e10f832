"""SIGKILL at any moment: no reader sees half an artifact, and the next owner goes on at once."""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_helpers import content_of, is_whole, key_of, publish, write_files

from w2s_platform.store import Store, open_store
from w2s_platform.store.verified import VERIFIED

fork = multiprocessing.get_context("fork")
CALLS = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.listdir", "fcntl.flock"}
SIZE = 40_000


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch):
    """A killed process loses nothing that it wrote, so waiting for the device tests nothing."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def start(work: Callable[[], None]) -> Any:
    child = fork.Process(target=work, daemon=True)
    child.start()
    return child


def check_store(url: str, keys: list[str], size: int) -> int:
    """As a new process would look: every artifact is whole or absent; how many are there."""
    VERIFIED.forget()
    store = open_store(url)
    found = [artifact for key in keys if (artifact := store.find(key))]
    assert all(is_whole(artifact, size) for artifact in found)
    assert not any(store.quarantined(key) for key in keys)  # nothing half was ever visible
    statuses = store.statuses(keys)
    assert set(statuses.values()) <= {"done", "to_run"}  # the dead are not taken for running
    return len(found)


def complete(store: Store, keys: list[str], size: int) -> None:
    """What the next owner does; it never has to wait for the dead one."""
    for key in keys:
        if store.find(key) is None:
            lease = store.acquire(key, "data")
            assert lease is not None
            with lease:
                write_files(lease.workdir, key, size)
                lease.publish()
    assert check_store(store.url, keys, size) == len(keys)
    attempts = store.backend.local_path("attempts")
    assert len(list(attempts.glob("*/*/*"))) == len(keys)  # nothing abandoned is left


def test_killed_at_random_moments(store: Store):
    """Two dozen kills while artifacts are written, published and their leases renewed.

    More where the machine is too busy for a process to get anything done before its end.
    """
    random_moment = random.Random(20240917)
    keys = [key_of(number) for number in range(4000)]  # more than any machine gets done

    def work() -> None:
        mine = open_store(store.url, lease_ttl=0.003)  # renewed all the time
        for key in [key for key, status in mine.statuses(keys).items() if status != "done"]:
            lease = mine.acquire(key, "data")
            assert lease is not None
            with lease:
                write_files(lease.workdir, key, SIZE)
                lease.publish()

    leases = store.backend.local_path("leases")
    counts: list[int] = []
    reached = 0
    while len(counts) < 24 or counts[-1] <= 10:
        child = start(work)
        time.sleep(random_moment.uniform(0.002, 0.12))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert child.exitcode == -signal.SIGKILL
        reached = len(list(leases.glob("*/*")))
        counts.append(check_store(store.url, keys[:reached], SIZE))
    assert counts == sorted(counts)  # what was done stays done
    complete(store, keys[: reached + 1], SIZE)


def kill_at_call(number: int, root: Path) -> None:
    """SIGKILL this process just before its nth call to the file system below the root."""
    counted = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal counted
        if event in CALLS and (event == "fcntl.flock" or str(root) in str(arguments[:2])):
            counted += 1
            if counted == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


@pytest.mark.parametrize(("history", "step"), [("none", 2), ("published", 3), ("killed", 1)])
def test_killed_before_every_call_to_the_file_system(tmp_path: Path, history: str, step: int):
    """From the first look to the end of the publication, after each kind of beginning."""
    key, other = key_of(1), key_of(2)
    number, exit_code = 0, -signal.SIGKILL
    while exit_code == -signal.SIGKILL:
        number += step
        store = open_store(str(tmp_path / f"{history}-{number}"))
        if history != "none":
            publish(store, other, size=50)
        if history == "killed":
            start_and_die(store, key)

        def work(store: Store = store, number: int = number) -> None:
            kill_at_call(number, Path(store.logs_dir).parent)
            publish(store, key, size=50)
            store.record_sweep("sweep", {"number": number})

        child = start(work)
        child.join()
        exit_code = child.exitcode
        assert exit_code in (0, -signal.SIGKILL)
        others = [other] if history != "none" else []
        check_store(store.url, [key, *others], 50)
        ledger = store.load_sweep("sweep")
        assert ledger in (None, {"number": number})
        store.record_sweep("sweep", {"number": number})
        complete(store, [key, *others], 50)
    assert number > 30


def start_and_die(store: Store, key: str) -> None:
    """Leave a lease and half of an artifact's files behind."""

    def work() -> None:
        lease = store.acquire(key, "data")
        assert lease is not None
        (lease.workdir / "weights.bin").write_bytes(content_of(key, "weights.bin", 20))
        os.kill(os.getpid(), signal.SIGKILL)

    start(work).join()


def test_killed_while_it_records_failures_and_sets_damage_aside(tmp_path: Path):
    """The other writers: a failure, its clearing, a quarantine. Each is there or isn't."""
    key, broken = key_of(1), key_of(2)
    number, exit_code = 0, -signal.SIGKILL
    while exit_code == -signal.SIGKILL:
        number += 1
        store = open_store(str(tmp_path / str(number)))
        publish(store, broken, size=50).path("meta.json").write_bytes(b"")

        def work(store: Store = store, number: int = number) -> None:
            kill_at_call(number, Path(store.logs_dir).parent)
            lease = store.acquire(key, "data")
            assert lease is not None
            lease.fail("no luck", deterministic=True)
            store.clear_failures(key)
            assert store.find(broken) is None

        child = start(work)
        child.join()
        exit_code = child.exitcode
        assert exit_code in (0, -signal.SIGKILL)
        assert len(store.failures(key)) <= 1
        assert store.find(broken) is None
        publish(store, key, size=50)
        assert is_whole(publish(store, broken, size=50), 50)
    assert number > 15
