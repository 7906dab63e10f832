"""Devices that are full, read only, or no directory: one clear error, and nothing is lost."""

import multiprocessing
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_helpers import is_whole, key_of, publish, write_files

from ensemble_core.errors import InputError, W2SError
from w2s_platform.store import Store, StoreError, explain_full, open_store
from w2s_platform.store.verified import VERIFIED

DONE, KEY = key_of(0), key_of(1)
fork = multiprocessing.get_context("fork")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user can't mount a file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture
def small_store(small_disk: Path) -> Store:
    store = open_store(str(small_disk / "store"))
    publish(store, DONE)
    return store


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(b"x" * 2_000_000)
    return filler


def check_intact(store: Store) -> None:
    VERIFIED.forget()
    assert is_whole(store.require(DONE))
    assert store.find(KEY) is None
    assert store.status(KEY) != "done"


def test_disk_that_is_full_before_the_work(small_disk: Path, small_store: Store):
    filler = fill(small_disk)
    with pytest.raises(StoreError, match=r"no space left.*free some space.*--store") as caught:
        small_store.acquire(KEY, "data")
    assert str(small_disk) in str(caught.value)
    with pytest.raises(StoreError, match="no space left"):
        small_store.record_sweep("nano", {"n": 1})
    check_intact(small_store)
    filler.unlink()
    assert is_whole(publish(small_store, KEY))


def test_disk_that_fills_during_the_work(small_disk: Path, small_store: Store):
    lease = small_store.acquire(KEY, "data")
    assert lease is not None

    def work() -> None:
        with lease:
            write_files(lease.workdir, KEY, size=10_000_000)

    with pytest.raises(StoreError, match=r"no space left.*finished stages are kept"):
        work()
    check_intact(small_store)
    assert small_store.status(KEY) == "to_run"
    assert is_whole(publish(small_store, KEY))  # what the first attempt wrote is gone


def test_disk_that_fills_before_the_commit(small_disk: Path, small_store: Store):
    lease = small_store.acquire(KEY, "data")
    assert lease is not None
    with lease:
        write_files(lease.workdir, KEY)
        filler = fill(small_disk)
        with pytest.raises(StoreError, match="no space left") as caught:
            lease.publish()
        check_intact(small_store)
        attempt = lease.fail(caught.value, deterministic=False)  # raises nothing of its own
    assert "no space left" in attempt.error
    check_intact(small_store)
    filler.unlink()
    assert is_whole(publish(small_store, KEY))


def test_disk_that_has_room_again_takes_the_same_lease(small_disk: Path, small_store: Store):
    lease = small_store.acquire(KEY, "data")
    assert lease is not None
    with lease:
        write_files(lease.workdir, KEY)
        filler = fill(small_disk)
        with pytest.raises(StoreError):
            lease.publish()
        filler.unlink()
        assert is_whole(lease.publish())


def test_disk_that_is_read_only(small_disk: Path, small_store: Store):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(InputError, match=r"Read-only file system.*--store"):
        open_store(small_store.url).acquire(KEY, "data")
    with pytest.raises(InputError, match="Read-only file system"):
        open_store(small_store.url).record_sweep("nano", {"n": 1})
    check_intact(open_store(small_store.url))


def test_damage_on_a_read_only_disk_counts_as_absent(small_disk: Path, small_store: Store):
    small_store.require(DONE).path("meta.json").write_bytes(b"")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert small_store.find(DONE) is None


def in_child(work: Callable[[], None]) -> None:
    """Run it in a process of its own, since limits and users can't be taken back."""
    here, there = fork.Pipe()

    def run() -> None:
        try:
            work()
            there.send(None)
        except BaseException as error:
            there.send(repr(error))

    child = fork.Process(target=run, daemon=True)
    child.start()
    problem = here.recv() if here.poll(30) else "no answer"
    child.join()
    assert problem is None, problem


@pytest.mark.parametrize("limit", [100, 1000, 2000, 5000])
def test_limit_on_the_size_of_files(store: Store, limit: int):
    """Where no small disk can be mounted: writes fail once a file reaches the limit."""
    publish(store, DONE)

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            publish(open_store(store.url), KEY)
        except StoreError as error:
            assert "no space left" in str(error)  # noqa: PT017 (in a child)
            return
        assert limit == 5000

    in_child(work)
    if limit < 5000:
        check_intact(store)
        assert is_whole(publish(store, KEY))
    assert is_whole(store.require(KEY))


def test_user_without_permission(store: Store, tmp_path: Path):
    publish(store, DONE)
    root = tmp_path / "store"

    def work() -> None:
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        for use in (
            lambda: open_store(store.url).find(DONE),
            lambda: open_store(store.url).acquire(KEY, "data"),
        ):
            with pytest.raises(InputError, match=r"Permission denied.*allow this user"):
                use()

    root.chmod(0)
    try:
        in_child(work)
    finally:
        root.chmod(0o755)
    assert is_whole(store.require(DONE))


def test_path_that_is_a_file_or_below_one(tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("keep me")
    for path in (file, file / "store", file / "deep" / "store"):
        with pytest.raises(InputError, match=r"this is a file.*name a directory") as caught:
            open_store(str(path))
        assert caught.value.where == str(file)
    assert file.read_text() == "keep me"


@pytest.mark.parametrize("folder", ["leases", "manifests", "attempts", ".tmp", ".locks"])
def test_file_in_the_place_of_a_folder(store: Store, tmp_path: Path, folder: str):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / folder).write_text("x")
    with pytest.raises(InputError, match="a part of its path is a file") as caught:
        publish(store, KEY)
    assert folder in str(caught.value)


def test_prepare_finds_out_early(tmp_path: Path):
    open_store(str(tmp_path / "new")).prepare()
    assert (tmp_path / "new" / "store.json").is_file()


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(28, "No space left on device", "/d/x"), True),
        (OSError(122, "Disk quota exceeded"), True),
        (RuntimeError("I/O error: No space left on device (os error 28)"), True),
        (OSError(2, "No such file or directory"), False),
        (ValueError("no"), False),
    ],
)
def test_full_disk_is_recognised_in_other_libraries_errors(error: Exception, full: bool):
    meaning = explain_full(error, "/store")
    assert isinstance(meaning, StoreError) == full
    if meaning:
        assert isinstance(meaning, W2SError)
        assert meaning.where == ("/d/x" if getattr(error, "filename", None) else "/store")


def test_file_system_without_hard_links(store: Store, monkeypatch: pytest.MonkeyPatch):
    def no_links(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    assert is_whole(publish(store, KEY))
    assert store.acquire(KEY, "data") is None
    assert store.backend.put_new("manifests/x", b"first")
    assert store.backend.put_new("manifests/x", b"second") is None
    assert not list(store.backend.local_path(".tmp").iterdir())


def test_what_killed_writers_left_is_cleared_after_a_day(store: Store):
    publish(store, DONE)
    folder = store.backend.local_path(".tmp")
    for name, age in (("old", 90_000), ("new", 60)):
        (folder / name).write_bytes(b"x")
        (folder / f"{name}-folder").mkdir()
        for path in (folder / name, folder / f"{name}-folder"):
            os.utime(path, (time.time() - age, time.time() - age))
    open_store(store.url).prepare()
    assert sorted(path.name for path in folder.iterdir()) == ["new", "new-folder"]
