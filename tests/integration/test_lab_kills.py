"""SIGKILL a real run, with everything that it started, and go on: nothing is lost or redone."""

import signal
import subprocess
from pathlib import Path

import pytest
from lab_user import Finished, User, attempt_folders, kill_family, wait_until

from w2s_platform.store import Store, open_store

pytestmark = pytest.mark.slow
TRAINING = ("round", "bag", "student", "ceiling")


class Watch:
    """Looks at a store from outside while a run works on it."""

    def __init__(self, user: User, keys: list[str]) -> None:
        self.user, self.keys = user, keys

    @property
    def store(self) -> Store:
        return self.user.opened()

    def finished(self) -> int:
        return sum(state == "done" for state in self.store.statuses(self.keys).values())

    def training(self) -> bool:
        """Whether a training has begun and not ended."""
        states = self.store.statuses(self.keys)
        owners = [self.store.owner(key) for key, state in states.items() if state == "running"]
        return any(o and o.record and o.record.kind in TRAINING for o in owners)


def check_what_is_left(user: User, sweep: Path, keys: list[str]) -> None:
    """A reader takes what has a manifest, whole, and nothing else."""
    store = user.opened()
    for key in keys:
        artifact = store.find(key)
        assert (artifact is None) == (store.manifest(key) is None), "damaged"
        assert not store.quarantined(key)
    assert user.here("status", sweep).status == 0


def kill_when(user: User, sweep: Path, watch: Watch, *, finished: int, training: bool) -> None:
    process = user.start("run", sweep)
    wait_until(lambda: watch.finished() >= finished, process)
    if training:
        wait_until(watch.training, process)
    kill_family(process)


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_numbers(
    finished: Finished, user: User
) -> None:
    keys = list(finished.user.manifests())
    watch = Watch(user, keys)
    sweep = finished.sweep
    kept: dict[str, tuple[str, int, str]] = {}
    for finished_stages, training in ((1, False), (12, True), (60, True)):
        kill_when(user, sweep, watch, finished=finished_stages, training=training)
        check_what_is_left(user, sweep, keys)
        now = marks(user)
        assert kept.items() <= now.items(), "a finished stage ran again"
        assert len(now) >= finished_stages
        kept = now
    last = user("run", sweep)
    assert last.status == 0, last.err
    assert kept.items() <= marks(user).items(), "a finished stage ran again"
    assert user.rows(sweep) == finished.user.rows(finished.sweep), "bit for bit"
    check_tidy(user, keys)
    stages = user.here("status", sweep, "--json").json["stages"]
    assert any(stage["attempts"] > 1 for stage in stages), "what was killed was begun twice"


def test_a_driver_killed_alone_takes_its_ray_along(finished: Finished, unfinished: User) -> None:
    """Only the command's own process dies, as under an out-of-memory killer."""
    keys = list(finished.user.manifests())
    watch = Watch(unfinished, keys)
    process = unfinished.start("run", finished.sweep)
    wait_until(watch.training, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    last = unfinished("run", finished.sweep)
    kill_family(process)
    assert last.status == 0, last.err
    assert unfinished.rows(finished.sweep) == finished.user.rows(finished.sweep)
    check_tidy(unfinished, keys)


def test_an_interrupted_run_says_so_and_stops_its_workers(
    finished: Finished, unfinished: User
) -> None:
    watch = Watch(unfinished, list(finished.user.manifests()))
    process = unfinished.start("run", finished.sweep)
    wait_until(watch.training, process)
    process.send_signal(signal.SIGINT)
    try:
        _, said = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        kill_family(process)
        raise
    assert process.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert not watch.training()


def marks(user: User) -> dict[str, tuple[str, int, str]]:
    """What tells one execution of a stage from another."""
    return {key: (m.attempt, m.token, m.created) for key, m in user.manifests().items()}


def check_tidy(user: User, keys: list[str]) -> None:
    """One folder per artifact, no attempt without one, nothing for the garbage."""
    manifests = user.manifests()
    assert set(manifests) == set(keys)
    folders = {(folder.parent.name, folder.name) for folder in attempt_folders(user.store)}
    assert folders == {(key, manifest.attempt) for key, manifest in manifests.items()}
    assert open_store(str(user.store)).collect_garbage() == 0
