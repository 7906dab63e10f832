"""Small graphs, and a stage executor that does real work on a real store.

What a stage does is in its settings; who did it, and when, goes to files below `hints["marks"]`.
"""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ensemble_core.errors import CancelledError, InputError
from w2s_platform.graph.model import Cell, Graph
from w2s_platform.stage import Kind, Stage
from w2s_platform.stages.runtime import Outcome, Runtime
from w2s_platform.store import collect_provenance, open_store


class GraphMaker:
    """Collects stages and cells."""

    def __init__(self, marks: Path, sweep: str = "small") -> None:
        self.marks, self.sweep = marks, sweep
        self.stages: dict[str, Stage] = {}
        self.cells: list[Cell] = []
        marks.mkdir(parents=True, exist_ok=True)

    def stage(
        self,
        name: str,
        *needs: str,
        kind: Kind = "data",
        resources: Mapping[str, Any] | None = None,
        hinted: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> str:
        """Add a stage that needs others, and return its key."""
        hints = {"marks": str(self.marks), "resources": resources or {}, "do": hinted or {}}
        inputs = {f"input_{n}": key for n, key in enumerate(needs)}
        stage = Stage(kind, {"name": name, **settings}, inputs, hints=hints, label=name)
        self.stages[stage.key] = stage
        return stage.key

    def cell(self, name: str, *keys: str, rounds: Iterable[str] = (), seed: int = 0) -> str:
        """Add a cell of these stages, and of those they are made from."""
        closure: dict[str, None] = {}
        for key in keys:
            self._close(key, closure)
        self.cells.append(Cell(name, seed, {}, tuple(closure), (), tuple(rounds)))
        return name

    def graph(self) -> Graph:
        """What was collected."""
        return Graph(self.sweep, dict(self.stages), tuple(self.cells))

    def _close(self, key: str, closure: dict[str, None]) -> None:
        for needed in self.stages[key].inputs.values():
            self._close(needed, closure)
        closure[key] = None


def work(stage: Stage, store_url: str, runtime: Runtime) -> Outcome:
    """Run a stage as its settings (or the hint `do`) say: like `run_stage`, with a trivial body.

    `seconds` to take, `fail` with this message, `raise` what the stage should have caught, `die`,
    `lose` or `break` (the process) this many times first.
    """
    settings, marks = stage.settings | stage.hints["do"], Marks(Path(stage.hints["marks"]))
    store = open_store(store_url)
    lease = store.acquire(stage.key, stage.kind)
    if lease is None:
        return Outcome(stage.key, "cached" if store.find(stage.key) else "busy")
    with lease:
        attempt = marks.add("start", settings["name"])
        missing = [key for key in stage.inputs.values() if store.find(key) is None]
        assert not missing, f"started before its inputs: {missing}"
        if attempt <= settings.get("die", 0):
            os._exit(1)
        if "raise" in settings:
            kinds = {"input": InputError, "bug": KeyError, "memory": MemoryError}
            raise kinds[settings["raise"]]("raised")
        if attempt <= settings.get("lose", 0):
            lease.fail("the disk hiccuped", deterministic=False)
            return Outcome(stage.key, "failed", 0.0, "the disk hiccuped")
        if attempt <= settings.get("break", 0):
            lease.fail("CUDA error: ECC", deterministic=False)
            return Outcome(stage.key, "failed", error="CUDA error: ECC", process_broken=True)
        if "fail" in settings:
            lease.fail(settings["fail"], deterministic=True)
            return Outcome(stage.key, "failed", 0.0, settings["fail"], deterministic=True)
        _take(settings, runtime, marks)
        (lease.workdir / "value.txt").write_text(str(settings.get("value", settings["name"])))
        provenance = collect_provenance(runtime.device, runtime.git)
        lease.publish(provenance=provenance, preimage=stage.preimage)
        marks.add("end", settings["name"])
    return Outcome(stage.key, "done", lease.seconds)


def _take(settings: Mapping[str, Any], runtime: Runtime, marks: "Marks") -> None:
    steps = max(1, round(settings.get("seconds", 0) / 0.05))
    for step in range(1, steps + 1):
        time.sleep(settings.get("seconds", 0) / steps)
        runtime.on_progress({"step": step, "steps": steps, "loss": 1.0 / step})
        if not settings.get("stubborn") and runtime.should_stop():
            marks.add("cancelled", settings["name"])
            raise CancelledError("stopped on request")


class Marks:
    """Counts what happened, across processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, what: str, name: str) -> int:
        """Note it; how often it has happened by now."""
        path = self.folder / f"{what}-{name}"
        with path.open("a") as file:
            file.write(f"{os.getpid()} {time.time()}\n")
        return len(path.read_text().splitlines())

    def count(self, what: str, name: str) -> int:
        """How often it happened."""
        return len(self._lines(what, name))

    def counts(self, what: str) -> dict[str, int]:
        """How often it happened, by name."""
        names = [path.name.partition("-")[2] for path in self.folder.glob(f"{what}-*")]
        return {name: self.count(what, name) for name in sorted(names)}

    def processes(self, what: str) -> set[int]:
        """Ids of the processes in which it happened."""
        return {
            int(line.split()[0]) for name in self.counts(what) for line in self._lines(what, name)
        }

    def times(self, what: str, name: str) -> list[float]:
        """When it happened."""
        return [float(line.split()[1]) for line in self._lines(what, name)]

    def _lines(self, what: str, name: str) -> list[str]:
        path = self.folder / f"{what}-{name}"
        return path.read_text().splitlines() if path.exists() else []
