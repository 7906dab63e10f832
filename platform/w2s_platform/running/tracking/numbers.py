"""The numbers that trackers show, read from the store."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from w2s_platform.graph.model import Cell, Measure
from w2s_platform.results.ledger import CellRecord
from w2s_platform.running.tracking.described import metric_name

if TYPE_CHECKING:
    from w2s_platform.store import Store

OF_ROUND = ("error", "reference_error", "alpha", "accepted", "evenness", "loss")
"""What is shown of a round, see `results.rounds`."""


def measurements(store: "Store", sweep: str, cells: Sequence[Cell]) -> dict[str, float]:
    """The final measurements of cells that differ in their seed only: means over those that have a
    value, such as `id/ensemble/accuracy`.

    Where a role has several slices, the slice stands after the role.
    """
    from w2s_platform.results.rows import Measurements, cell_rows

    reader, found = Measurements(store), dict[str, list[float]]()
    for cell in cells:
        places = slice_names(cell.measures)
        for row in cell_rows(sweep, CellRecord.of(cell), reader):
            place = places[row["role"], row["task"], row["split"]]
            if _is_number(row["value"]):
                name = metric_name((*place, row["subject"], row["metric"]))
                found.setdefault(name, []).append(float(row["value"]))
    return {name: fmean(values) for name, values in found.items()}


def rounds(store: "Store", sweep: str, cell: Cell) -> dict[int, dict[str, float]]:
    """Round → what is known of it, such as `round/error`; finished rounds only."""
    from w2s_platform.results.boosting import round_rows

    return {
        row["round"]: {
            metric_name(("round", name)): float(row[name])
            for name in OF_ROUND
            if _is_number(row.get(name))
        }
        for row in round_rows(store, sweep, CellRecord.of(cell))
    }


def slice_names(measures: Iterable[Measure]) -> Mapping[tuple[str, str, str], tuple[str, ...]]:
    """(role, task, split) → how the slice begins the names of its metrics."""
    slices = dict.fromkeys((m.role, m.task, m.split) for m in measures)
    names: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for role, task, split in slices:
        tasks = [other for held, other, _ in slices if held == role]
        if len(tasks) == 1:
            names[role, task, split] = (role,)
        else:
            shown = task if tasks.count(task) == 1 else f"{task} {split}"
            names[role, task, split] = (role, shown)
    return names


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
