"""The thread that shows a run: it outlives snapshots that fail, and ends with the broker."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from w2s_platform.running import progress
from w2s_platform.running.progress import QuietDisplay, watch
from w2s_platform.running.snapshot import Snapshot

pytestmark = pytest.mark.usefixtures("ray_work")


class Counter(QuietDisplay):
    """Counts what it is shown."""

    def __init__(self) -> None:
        self.shown = 0

    def show(self, snapshot: Snapshot) -> None:
        self.shown += 1


def start_broker(slow: float) -> Any:
    """An actor whose first snapshot fails and whose second is slow."""
    import ray

    class Broker:
        def __init__(self) -> None:
            self.asked = 0

        def snapshot(self, after: int) -> Snapshot:
            self.asked += 1
            if self.asked == 1:
                raise KeyError("a stage that is not known yet")
            if self.asked == 2:
                time.sleep(slow)
            return Snapshot("study", 0.0, (), ())

    remote: Any = ray.remote(Broker)
    broker = remote.options(num_cpus=0).remote()
    ray.get(broker.__ray_ready__.remote())
    return broker


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def watching() -> bool:
    return any(thread.name == "progress" for thread in threading.enumerate())


def test_a_snapshot_that_fails_or_is_slow_ends_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(progress, "POLL", 0.05)
    monkeypatch.setattr(progress, "PATIENCE", 0.3)
    display, broker = Counter(), start_broker(slow=0.6)
    with watch(broker, display):
        assert until(lambda: display.shown >= 2)
        ray.kill(broker)
        assert until(lambda: not watching()), "nobody is left to be asked"
