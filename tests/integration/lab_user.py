"""A user at the command line of the tiny laboratory."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from w2s_platform.stage import Kind
from w2s_platform.store import Manifest, Store, names, open_store

W2S = (sys.executable, "-m", "w2s_platform.cli")
PATIENCE = 300.0
"""Seconds after which a command counts as hanging."""


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class User:
    """Runs `w2s` on one store, with the questions of one data root."""

    store: Path
    data: Path | None = None

    def __call__(self, *words: str | Path) -> Answer:
        """Run a command as a process of its own."""
        process = self.start(*words)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            kill_family(process)
            raise
        return Answer(process.returncode, out, err)

    def start(self, *words: str | Path) -> "subprocess.Popen[str]":
        """Start a command as the leader of a process group of its own."""
        return subprocess.Popen(
            [*W2S, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self._settings()},
            start_new_session=True,
        )

    def here(self, *words: str | Path) -> Answer:
        """Run a command in this process: quicker, and on the Ray that is there."""
        from w2s_platform.cli.main import execute

        out, err = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            for name, value in self._settings().items():
                patch.setenv(name, value)
            status = execute([str(word) for word in words])
        return Answer(status, out.getvalue(), err.getvalue())

    def opened(self) -> Store:
        return open_store(str(self.store), read_only=True)

    def rows(self, sweep: Path) -> list[dict[str, Any]]:
        """The result rows."""
        answer = self.here("results", sweep, "--format", "json")
        assert answer.status == 0, answer.err
        return answer.json

    def manifests(self) -> dict[str, Manifest]:
        """Every finished stage's manifest, by key."""
        store = self.opened()
        found = {key: store.manifest(key) for key in store.keys()}  # noqa: SIM118
        return {key: manifest for key, manifest in found.items() if manifest}

    def forget(self, *kinds: Kind) -> set[str]:
        """Undo the stages of some kinds, and all that was made from them; their keys."""
        manifests = self.manifests()
        gone = {key for key, manifest in manifests.items() if manifest.kind in kinds}
        while more := {
            key
            for key, manifest in manifests.items()
            if key not in gone and gone.intersection(manifest.preimage["inputs"].values())
        }:
            gone |= more
        for key in gone:
            for name in (names.manifest(key), names.lease(key)):
                (self.store / name).unlink()
            shutil.rmtree(self.store / names.attempts(key))
        return gone

    def _settings(self) -> dict[str, str]:
        own = {"W2S_STORE": str(self.store)}
        return own | ({"W2S_DATA_DIR": str(self.data)} if self.data else {})


@dataclass(frozen=True)
class Finished:
    """A study that ran to its end, undisturbed; who changes its store copies it first."""

    user: User
    sweep: Path
    answer: Answer


def kill_family(process: "subprocess.Popen[str]") -> None:
    """SIGKILL a command with everything it started: Ray's daemons, its workers."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while members := list(session_members(process.pid)):
        assert time.monotonic() < deadline, f"still alive: {members}"
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        time.sleep(0.02)
    process.communicate()


def session_members(leader: int) -> Iterator[int]:
    """Living processes of the session that `leader` began, zombies left out."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                yield int(folder.name)


def wait_until(happened: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Wait for something that a running command brings about."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert process.poll() is None, f"the command ended early: {process.communicate()}"
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def attempt_folders(store: Path) -> Iterator[Path]:
    """Every folder that a stage wrote to, finished or not."""
    return store.glob("attempts/*/*/*")


def one_message(answer: Answer) -> str:
    """What a failed command says: short, on standard error, and no traceback."""
    assert "Traceback" not in answer.err + answer.out
    assert "internal error" not in answer.err
    assert answer.err.strip(), f"nothing was said; standard output: {answer.out}"
    return answer.err
