"""The broker as a Ray actor: one per driver, holds no CPU, dies with the driver."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from w2s_platform.graph.model import Graph
from w2s_platform.running.broker import Broker, CellOutcome
from w2s_platform.running.gate import Gate
from w2s_platform.running.launching import RayLauncher
from w2s_platform.running.policy import Policy
from w2s_platform.running.records import StoreRecords
from w2s_platform.running.snapshot import Event, Snapshot
from w2s_platform.running.tasks import Work
from w2s_platform.stages.runtime import Outcome


@dataclass(frozen=True)
class BrokerSettings:
    """What a broker is started with."""

    work: Work
    policy: Policy
    trials: int
    """Trials at work at once."""
    log: str | None = None
    """File that gets one JSON object per event."""


class BrokerActor:
    """What trials, workers and the driver call; see `Broker` for what happens."""

    def __init__(self, settings: BrokerSettings) -> None:
        import ray

        handle = ray.get_runtime_context().current_actor
        self._launcher = RayLauncher(settings.work, handle, settings.policy.grace)
        self._gate = Gate(settings.trials)
        self._broker = Broker(
            self._launcher,
            StoreRecords(settings.work.store_url),
            settings.policy,
            gate=self._gate,
            log=EventLog(settings.log) if settings.log else None,
        )

    async def add(self, graph: Graph) -> None:
        """See `Broker.add`."""
        await self._broker.add(graph)

    async def run_cell(self, cell: str) -> CellOutcome:
        """See `Broker.run_cell`."""
        return await self._broker.run_cell(cell)

    async def ensure_all(self, keys: Iterable[str], requester: str) -> list[Outcome]:
        """See `Broker.ensure_all`."""
        return await self._broker.ensure_all(keys, requester)

    async def release(self, requester: str) -> None:
        """See `Broker.release`."""
        self._broker.release(requester)

    async def close(self, patience: float) -> None:
        """See `Broker.close`."""
        await self._broker.close(patience)

    async def started(self, key: str) -> None:
        """See `Broker.started`."""
        self._launcher.started(key)
        self._broker.started(key)

    async def progress(self, key: str, report: Mapping[str, Any]) -> bool:
        """See `Broker.progress`."""
        return self._broker.progress(key, report)

    async def last_words(self, key: str, error: str) -> None:
        """Called by a worker whose process is about to end."""
        self._launcher.last_words(key, error)

    async def snapshot(self, after: int = 0) -> Snapshot:
        """See `Broker.snapshot`."""
        return self._broker.snapshot(after)

    async def arrive(self, trial: str) -> None:
        """A trial's process has started."""
        self._gate.arrive(trial)

    async def leave(self) -> None:
        """Return when a trial may end; see `Gate`."""
        await self._gate.wait()


class EventLog:
    """Appends events to a file in the store's log folder."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, event: Event) -> None:
        """Write one line; a run goes on where its disk takes no more of them."""
        line = {"at": round(event.at, 3), "change": event.change, **asdict(event.stage)}
        with suppress(OSError), self._path.open("a") as file:
            file.write(json.dumps(line, default=str) + "\n")


def start_broker(settings: BrokerSettings) -> Any:
    """Start a broker's actor on the driver's node and return its handle."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    remote: Any = ray.remote(BrokerActor)
    options = {"num_cpus": 0, "max_concurrency": 10_000, "scheduling_strategy": here}
    return remote.options(**options).remote(settings)
