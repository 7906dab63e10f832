"""What every run stands on: signals that end it well, and a broker that is always closed."""

import signal
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_platform.running.actor import BrokerSettings, start_broker
from w2s_platform.running.options import RunOptions
from w2s_platform.running.tasks import Execute, Work

if TYPE_CHECKING:
    from w2s_platform.store import Store

CLOSE_PATIENCE = 5.0
"""Seconds that running stages get to stop by themselves when a run ends early."""


def runs_folder(store: "Store") -> Path:
    """Where runs keep their logs: one line per event."""
    return store.logs_dir / "runs"


@contextmanager
def tune_folder() -> Generator[Path]:
    """A folder for what Tune notes of a run; nobody reads it, and it is gone afterwards.

    It is not in the store: where the store's disk is full, Tune would fail before our stages can
    say so.
    """
    with tempfile.TemporaryDirectory(prefix="w2s-tune-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def brokered(
    options: RunOptions, store: "Store", *, concurrency: int, name: str, execute: Execute
) -> Generator[Any]:
    """A broker's actor; at the end of the block it is closed, with all that it runs.

    Args:
        options: How the run is done.
        store: The store.
        concurrency: Trials at once.
        name: The run's folder for notes.
        execute: What runs one stage.
    """
    from w2s_platform.store.provenance import git_state

    # Workers have other working directories than we.
    data_root = str(Path(options.data_root).resolve()) if options.data_root else None
    work = Work(execute, store.url, data_root, git_state())
    log = str(runs_folder(store) / name / "events.jsonl")
    broker = start_broker(BrokerSettings(work, options.policy, concurrency, log))
    try:
        yield broker
    finally:
        with deaf(), suppress(Exception):  # whatever ended the block matters more
            _close(broker)


def _close(broker: Any) -> None:
    import ray

    ray.get(broker.close.remote(CLOSE_PATIENCE), timeout=2 * CLOSE_PATIENCE)
    ray.kill(broker)


@contextmanager
def terminable() -> Generator[None]:
    """Let SIGTERM (a stopped Ray job, a batch system's limit) end the block as Ctrl-C does.

    To be entered when Ray is connected: Ray sets a handler of its own.
    """

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with _handling({signal.SIGTERM: interrupt}):
        yield


@contextmanager
def deaf() -> Generator[None]:
    """Ignore interrupts: the block is short and should not be left half-way."""
    with _handling({signal.SIGINT: signal.SIG_IGN, signal.SIGTERM: signal.SIG_IGN}):
        yield


@contextmanager
def _handling(handlers: dict[signal.Signals, Any]) -> Generator[None]:
    if threading.current_thread() is not threading.main_thread():  # only there may they be set
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
