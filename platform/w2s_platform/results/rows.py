"""Result rows: one per measurement of a sweep's finished stages."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from w2s_platform.results.ledger import CellRecord, Ledger, read_ledger
from w2s_platform.results.reading import (
    ABOUT,
    Row,
    StoreLike,
    about,
    opened,
    varied_keys,
    varied_of,
)
from w2s_platform.store import Artifact, Store
from w2s_platform.subject import BEST, CHOSEN, PREFIX, ceiling_of

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (*ABOUT, "metric", "value", "stderr", "n")
MEASUREMENTS = "measurements.json"
PGR_OF = ("accuracy", "choice_accuracy")


def load(store: StoreLike, sweep: str) -> "pd.DataFrame":
    """The result rows of a sweep, as far as it has run.

    Args:
        store: A store or its URL.
        sweep: The sweep's name.

    Returns:
        One row per measurement: `sweep, cell, seed, subject, task, role, split, metric, value,
        stderr, n`, then one column per varied key. `value` is NaN for an undefined PGR.

    Raises:
        InputError: The store holds no sweep of this name.
    """
    found = opened(store)
    return frame_of(found, read_ledger(found, sweep))


def frame_of(store: Store, ledger: Ledger) -> "pd.DataFrame":
    """The result rows of one recorded sweep."""
    import pandas as pd

    reader = Measurements(store)
    rows = [row for cell in ledger.cells for row in cell_rows(ledger.sweep, cell, reader)]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *varied_keys(ledger)])
    return frame.astype({"value": float, "stderr": float, "n": "Int64"})


class Measurements:
    """Measurements by stage key; cells share stages, so each is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, list[Row]] = {}

    def of(self, key: str) -> list[Row]:
        """What a stage measured; nothing as long as the store does not hold it."""
        if key not in self._seen:
            artifact = self._store.find(key)
            if artifact is None:
                return []
            self.take(artifact)
        return self._seen[key]

    def take(self, artifact: Artifact) -> None:
        """Read what a stage measured from its artifact, which was found already."""
        self._seen[artifact.key] = json.loads(artifact.path(MEASUREMENTS).read_text())


def cell_rows(sweep: str, cell: CellRecord, reader: Measurements) -> Iterator[Row]:
    """The result rows of one cell, those made of several measurements included."""
    varied = varied_of(cell)
    rows = [
        {**about(sweep, cell, measure), **measurement, **varied}
        for measure in cell.measures
        for measurement in reader.of(measure.key)
    ]
    yield from rows
    yield from pgr_rows(rows)
    yield from count_rows(rows)


def pgr_rows(rows: list[Row]) -> Iterator[Row]:
    """One `pgr` row per student and slice of a cell (design: words).

    It is made of exact-match accuracy or, where that was not measured, of choice accuracy. An
    undefined PGR (ceiling ≤ floor) is a row without a value, so that it is counted.
    """
    from ensemble_core.metrics import pgr

    measured = {row["metric"] for row in rows if row["role"] != "transfer"}
    basis = next((metric for metric in PGR_OF if metric in measured), None)
    accuracy = {
        (row["subject"], row["role"], row["task"], row["split"]): row
        for row in rows
        if row["metric"] == basis
    }
    for (subject, *questions), row in accuracy.items():
        floor = accuracy.get(("floor", *questions))
        ceiling = accuracy.get((ceiling_of(subject), *questions))
        if floor is not None and ceiling is not None:
            value = pgr(floor["value"], row["value"], ceiling["value"])
            yield row | {"metric": "pgr", "value": value, "stderr": None}


def count_rows(rows: list[Row]) -> Iterator[Row]:
    """The prefix of the ensemble that validation data choose, and the best one in hindsight.

    Made of the rows of `ensemble_1`, `ensemble_2`, …, by the metric that a PGR would be made of.
    """
    from ensemble_core.stopping import choose_count

    staged = [row for row in rows if PREFIX.fullmatch(row["subject"])]
    basis = next((m for m in PGR_OF if any(row["metric"] == m for row in staged)), None)
    slices: dict[tuple[str, str, str], list[Row]] = {}
    for row in staged:
        if row["metric"] == basis:
            slices.setdefault((row["role"], row["task"], row["split"]), []).append(row)
    chosen = next((found for (role, *_), found in slices.items() if role == "validation"), None)
    if chosen is None:
        return
    count = choose_count([row["value"] for row in chosen])
    for found in slices.values():
        if len(found) == len(chosen):
            yield found[count - 1] | {"subject": CHOSEN}
            yield max(found, key=lambda row: row["value"]) | {"subject": BEST}
