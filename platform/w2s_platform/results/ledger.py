"""The ledger: what a store remembers of a sweep, so that results need no sweep file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ensemble_core.errors import InputError
from w2s_platform.graph.model import Cell, Graph, Measure

if TYPE_CHECKING:
    from w2s_platform.store import Store


@dataclass(frozen=True)
class CellRecord:
    """One cell, as recorded."""

    id: str
    seed: int
    trial: str
    varied: Mapping[str, Any]
    stages: tuple[str, ...]
    measures: tuple[Measure, ...]
    models: Mapping[str, str]
    """Subject → key of the stage that makes its model."""
    stopped: bool = False
    """Whether its trial was stopped early: its test questions are never asked."""

    @classmethod
    def of(cls, cell: Cell) -> "CellRecord":
        """A cell of a graph, as it would be recorded."""
        names = cls.__dataclass_fields__
        return cls(**{name: getattr(cell, name) for name in names})


@dataclass(frozen=True)
class Ledger:
    """A sweep, as recorded when it was last run."""

    sweep: str
    cells: tuple[CellRecord, ...]


def record(store: "Store", graph: Graph) -> None:
    """Write the sweep's cells and their stages into the store."""
    cells = [
        {
            "id": cell.id,
            "seed": cell.seed,
            "trial": cell.trial,
            "varied": dict(cell.varied),
            "stages": list(cell.stages),
            "measures": [asdict(measure) for measure in cell.measures],
            "models": dict(cell.models),
            **({"stopped": True} if cell.stopped else {}),
        }
        for cell in graph.cells
    ]
    store.record_sweep(graph.sweep, {"sweep": graph.sweep, "cells": cells})


def read_ledger(store: "Store", sweep: str) -> Ledger:
    """What the store remembers of a sweep.

    Raises:
        InputError: The store holds no sweep of this name; the hint lists those that it holds.
    """
    recorded = store.load_sweep(sweep)
    if recorded is None:
        held = ", ".join(store.sweeps()) or "none"
        hint = f"sweeps in this store: {held}; `w2s run` records one"
        raise InputError(f"no sweep named `{sweep}`", where=store.url, hint=hint)
    return Ledger(sweep, tuple(_cell(cell) for cell in recorded["cells"]))


def find_cell(store: "Store", cell: str) -> tuple[Ledger, CellRecord]:
    """The recorded cell whose id starts with `cell`.

    Raises:
        InputError: No recorded cell does, or several different ones do.
    """
    found: dict[str, tuple[Ledger, CellRecord]] = {}
    for name in store.sweeps():
        ledger = read_ledger(store, name)
        found |= {c.id: (ledger, c) for c in ledger.cells if c.id.startswith(cell)}
    if len(found) == 1:
        return next(iter(found.values()))
    what = f"{len(found)} cells start with `{cell}`" if found else f"no cell `{cell}`"
    raise InputError(what, where=store.url, hint="`w2s status FILE` lists the cells")


def _cell(recorded: Mapping[str, Any]) -> CellRecord:
    return CellRecord(
        id=recorded["id"],
        seed=recorded["seed"],
        trial=recorded["trial"],
        varied=recorded["varied"],
        stages=tuple(recorded["stages"]),
        measures=tuple(Measure(**measure) for measure in recorded["measures"]),
        models=recorded["models"],
        stopped=recorded.get("stopped", False),
    )
