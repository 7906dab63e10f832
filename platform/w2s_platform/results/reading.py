"""What the readers of a store share: opening it, choosing cells, and saying who a row is about."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ensemble_core.errors import InputError
from w2s_platform.graph.model import Measure
from w2s_platform.results.ledger import CellRecord, Ledger, read_ledger
from w2s_platform.store import Artifact, Store, open_store

Row = dict[str, Any]
StoreLike = Store | str | Path
"""A store, or its URL."""
SweepLike = str | Ledger
"""A sweep's name, or its ledger where that was read already."""
ABOUT = ("sweep", "cell", "seed", "subject", "task", "role", "split")
"""The columns by which result rows say what they are about."""


def opened(store: StoreLike) -> Store:
    """The store, for reading.

    Raises:
        InputError: A newer version of the project wrote it, or this user can't read it.
    """
    return store if isinstance(store, Store) else open_store(str(store), read_only=True)


def ledger_of(store: Store, sweep: SweepLike) -> Ledger:
    """What the store remembers of a sweep.

    Raises:
        InputError: The store holds no sweep of this name.
    """
    return sweep if isinstance(sweep, Ledger) else read_ledger(store, sweep)


def cells_of(ledger: Ledger, cell: str | None) -> list[CellRecord]:
    """The sweep's cell whose id starts with `cell`; all of its cells for None.

    Raises:
        InputError: No cell of the sweep does, or several do.
    """
    found = [c for c in ledger.cells if cell is None or c.id.startswith(cell)]
    if cell is None or len(found) == 1:
        return found
    what = f"{len(found)} cells start with `{cell}`" if found else f"no cell `{cell}`"
    raise InputError(what, where=f"sweep {ledger.sweep}", hint="`w2s status FILE` lists the cells")


def about(sweep: str, cell: CellRecord, measure: Measure) -> Row:
    """What a row is about, see `ABOUT`."""
    return {
        "sweep": sweep,
        "cell": cell.id,
        "seed": cell.seed,
        "subject": measure.subject,
        "task": measure.task,
        "role": measure.role,
        "split": measure.split,
    }


def varied_of(cell: CellRecord) -> Row:
    """The cell's varied keys as table cells: mappings and lists as JSON text."""
    return {
        key: json.dumps(value) if isinstance(value, Mapping | list) else value
        for key, value in cell.varied.items()
    }


def varied_keys(ledger: Ledger) -> list[str]:
    """Every key that the sweep varies, in the order of the ledger."""
    return list(dict.fromkeys(key for cell in ledger.cells for key in cell.varied))


def evaluations(store: Store, cell: CellRecord) -> Iterator[tuple[Measure, Artifact]]:
    """The cell's finished evaluations of one subject on one slice each."""
    for measure in cell.measures:
        artifact = store.find(measure.key)
        if artifact is not None and artifact.kind == "evaluate":
            yield measure, artifact
