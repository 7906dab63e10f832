"""Result rows: one per measurement of a sweep's finished stages."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_platform.results.ledger import CellRecord, Ledger, read_ledger
from w2s_platform.store import Store, open_store
from w2s_platform.subject import BEST, CHOSEN, PREFIX

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "sweep", "cell", "seed", "subject", "task", "role", "split", "metric", "value", "stderr", "n",
)  # fmt: skip
MEASUREMENTS = "measurements.json"
STUDENTS = ("student", "single")
PGR_OF = ("accuracy", "choice_accuracy")

Row = dict[str, Any]


def load(store: Store | str | Path, sweep: str) -> "pd.DataFrame":
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
    opened = store if isinstance(store, Store) else open_store(str(store))
    return frame_of(opened, read_ledger(opened, sweep))


def frame_of(store: Store, ledger: Ledger) -> "pd.DataFrame":
    """The result rows of one recorded sweep."""
    import pandas as pd

    varied = list(dict.fromkeys(key for cell in ledger.cells for key in cell.varied))
    reader = _Reader(store)
    rows = [row for cell in ledger.cells for row in _cell_rows(ledger.sweep, cell, reader)]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *varied])
    return frame.astype({"value": float, "stderr": float, "n": "Int64"})


class _Reader:
    """Measurements by stage key; cells share stages, so each is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, list[Row]] = {}

    def measurements(self, key: str) -> list[Row]:
        if key not in self._seen:
            artifact = self._store.find(key)
            text = artifact.path(MEASUREMENTS).read_text() if artifact else "[]"
            self._seen[key] = json.loads(text)
        return self._seen[key]


def _cell_rows(sweep: str, cell: CellRecord, reader: _Reader) -> Iterator[Row]:
    varied = {key: _plain(value) for key, value in cell.varied.items()}
    rows = [
        {
            "sweep": sweep,
            "cell": cell.id,
            "seed": cell.seed,
            "subject": measure.subject,
            "task": measure.task,
            "role": measure.role,
            "split": measure.split,
            **measurement,
            **varied,
        }
        for measure in cell.measures
        for measurement in reader.measurements(measure.key)
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
        ceiling = accuracy.get(("ceiling", *questions))
        if subject in STUDENTS and floor is not None and ceiling is not None:
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


def _plain(value: Any) -> Any:
    """A varied value as a table cell: mappings and lists as JSON text."""
    return json.dumps(value) if isinstance(value, Mapping | list) else value
