"""A broker in a world of scripts: a launcher that does as it is told, records in memory."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from w2s_platform.graph.model import Cell, Graph
from w2s_platform.running.broker import Broker, StoppedError
from w2s_platform.running.policy import Policy
from w2s_platform.running.records import Failure
from w2s_platform.running.snapshot import Event
from w2s_platform.stage import Stage
from w2s_platform.stages.runtime import Outcome

FAST = Policy(retries=2, backoff=0.0, poll=0.01)
DATA = Stage("data", {"n": 0})
ROUND = Stage("round", {"n": 1}, {"data": DATA.key})
STUDENT = Stage("student", {"n": 2}, {"round": ROUND.key})
OTHER = Stage("ceiling", {"n": 3}, {"data": DATA.key})
STAGES = {stage.key: stage for stage in (DATA, ROUND, STUDENT, OTHER)}


class ScriptedLauncher:
    """Runs stages by script: for each key, what its next launches do (default: succeed)."""

    def __init__(self) -> None:
        self.launched: Counter[str] = Counter()
        self.running: set[str] = set()
        self.order: list[str] = []
        self.script: dict[str, list[Any]] = {}
        self.hold: dict[str, asyncio.Event] = {}
        self.cancelled: set[str] = set()

    async def launch(self, stage: Stage) -> Outcome:
        key = stage.key
        self.launched[key] += 1
        self.running.add(key)
        self.order.append(stage.kind)
        try:
            if key in self.hold:
                await self.hold[key].wait()
            await asyncio.sleep(0)
            if key in self.cancelled:
                self.cancelled.discard(key)
                raise StoppedError
            step = self.script[key].pop(0) if self.script.get(key) else "done"
            if isinstance(step, Exception):
                raise step
            return step if isinstance(step, Outcome) else Outcome(key, step, 1.0)
        finally:
            self.running.discard(key)

    def cancel(self, key: str) -> None:
        self.cancelled.add(key)
        if key in self.hold:
            self.hold[key].set()


class MemoryRecords:
    """What earlier runs and other drivers left."""

    def __init__(self) -> None:
        self.status: dict[str, Any] = {}
        self.damaged: set[str] = set()
        self.checked: list[str] = []
        self.check_seconds = 0.0
        self.listing = threading.Event()
        self.listing.set()
        self.failures: dict[str, Failure] = {}

    def statuses(self, keys: Iterable[str]) -> Mapping[str, Any]:
        self.listing.wait(5)
        return {key: self.status.get(key, "to_run") for key in keys}

    def holds(self, key: str) -> bool:
        self.checked.append(key)
        time.sleep(self.check_seconds * len(self.checked))  # so that two never end together
        return key not in self.damaged

    def failure(self, key: str) -> Failure | None:
        return self.failures.get(key)

    def forgive(self, key: str) -> None:
        self.failures.pop(key, None)


class World:
    """A broker with all that surrounds it."""

    def __init__(self, policy: Policy = FAST, **broker: Any) -> None:
        self.launcher, self.records = ScriptedLauncher(), MemoryRecords()
        self.events: list[Event] = []
        self.broker = Broker(self.launcher, self.records, policy, log=self.events.append, **broker)

    async def add(self, *cells: tuple[str, tuple[Stage, ...]]) -> None:
        made = tuple(Cell(name, 0, {}, tuple(s.key for s in mine), ()) for name, mine in cells)
        await self.broker.add(Graph("sweep", STAGES, made))

    def states(self) -> dict[str, str]:
        shown = {stage.key: stage.status for stage in self.broker.snapshot().stages}
        return {stage.kind: shown[stage.key] for stage in STAGES.values()}


Scenario = Callable[[], Coroutine[Any, Any, None]]


def play(scenario: Scenario) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 10))
