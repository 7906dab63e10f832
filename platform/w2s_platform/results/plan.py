"""Where a sweep stands: every cell and stage with its status, before, during and after a run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from w2s_platform.graph.model import Cell, Graph
from w2s_platform.stage import StageStatus

if TYPE_CHECKING:
    from w2s_platform.store import Manifest, Store


@dataclass(frozen=True)
class StageReport:
    """One stage of the sweep."""

    key: str
    kind: str
    label: str
    status: StageStatus
    needs: tuple[str, ...]
    seconds: float | None
    """What it took; for a stage to run, what stages of its kind took here (None: no record)."""
    attempts: int
    """How often it was begun; those that were killed count."""
    error: str | None

    def to_json(self) -> dict[str, Any]:
        """The object of `plan --json` and `status --json`."""
        return {
            "key": self.key,
            "kind": self.kind,
            "status": self.status,
            "needs": list(self.needs),
            "seconds": self.seconds,
            "attempts": self.attempts,
            "error": self.error,
        }


@dataclass(frozen=True)
class CellReport:
    """One cell of the sweep."""

    id: str
    seed: int
    varied: Mapping[str, Any]
    status: StageStatus
    stages: tuple[str, ...]
    error: str | None

    def to_json(self) -> dict[str, Any]:
        """The object of `plan --json` and `status --json`."""
        return {
            "cell": self.id,
            "seed": self.seed,
            "varied": dict(self.varied),
            "status": self.status,
            "stages": list(self.stages),
            "error": self.error,
        }


@dataclass(frozen=True)
class PlanReport:
    """The state of a whole sweep."""

    sweep: str
    cells: tuple[CellReport, ...]
    stages: tuple[StageReport, ...]

    def to_json(self) -> dict[str, Any]:
        """One object: `sweep`, `cells`, `stages`."""
        return {
            "sweep": self.sweep,
            "cells": [cell.to_json() for cell in self.cells],
            "stages": [stage.to_json() for stage in self.stages],
        }

    def counts(self) -> dict[str, Counter[str]]:
        """Kind → how many stages have each status."""
        counts: dict[str, Counter[str]] = {}
        for stage in self.stages:
            counts.setdefault(stage.kind, Counter())[stage.status] += 1
        return counts


def plan(graph: Graph, store: "Store") -> PlanReport:
    """What a run would do: finished stages are `cached`. Reads the store, writes nothing."""
    return _report(graph, store, finished="cached")


def status(graph: Graph, store: "Store") -> PlanReport:
    """Where a sweep stands: finished stages are `done`."""
    return _report(graph, store, finished="done")


def _report(graph: Graph, store: "Store", finished: StageStatus) -> PlanReport:
    found = store.statuses(graph.stages)
    manifests = {key: store.manifest(key) for key, state in found.items() if state == "done"}
    expected = _expected_seconds(graph, manifests)
    stages: dict[str, StageReport] = {}
    for key, stage in graph.stages.items():
        manifest = manifests.get(key)
        failures = store.failures(key) if found[key] == "failed" else []
        stages[key] = StageReport(
            key=key,
            kind=stage.kind,
            label=stage.label,
            status=finished if found[key] == "done" else found[key],
            needs=tuple(stage.inputs.values()),
            seconds=manifest.cost.wall_seconds if manifest else expected.get(stage.kind),
            attempts=manifest.token if manifest else _attempts(store, key, found[key]),
            error=failures[-1].error if failures else None,
        )
    cells = tuple(_cell_report(cell, stages, finished) for cell in graph.cells)
    return PlanReport(graph.sweep, cells, tuple(stages.values()))


def _attempts(store: "Store", key: str, state: StageStatus) -> int:
    """The fencing token counts every owner that the stage has had."""
    owner = store.owner(key) if state in ("running", "failed") else None
    return owner.record.token if owner and owner.record else 0


def _expected_seconds(graph: Graph, manifests: "Mapping[str, Manifest | None]") -> dict[str, float]:
    """Kind → the median of what its finished stages took."""
    by_kind: dict[str, list[float]] = {}
    for key, manifest in manifests.items():
        if manifest is not None:
            by_kind.setdefault(graph.stages[key].kind, []).append(manifest.cost.wall_seconds)
    return {kind: median(values) for kind, values in by_kind.items()}


def _cell_report(
    cell: Cell, stages: Mapping[str, StageReport], finished: StageStatus
) -> CellReport:
    mine = [stages[key] for key in cell.stages]
    failed = next((stage for stage in mine if stage.status == "failed"), None)
    error = f"{failed.kind} {failed.key[:12]}: {failed.error}" if failed else None
    state = _cell_status([stage.status for stage in mine], finished)
    return CellReport(cell.id, cell.seed, cell.varied, state, cell.stages, error)


def _cell_status(stages: Sequence[StageStatus], finished: StageStatus) -> StageStatus:
    if "failed" in stages:
        return "failed"
    if "running" in stages:
        return "running"
    return finished if all(stage == finished for stage in stages) else "to_run"
