"""Reliability rows: the bins behind each `ece` of a sweep."""

from typing import TYPE_CHECKING

from w2s_platform.results.kept import Kept
from w2s_platform.results.ledger import Ledger
from w2s_platform.results.reading import (
    ABOUT,
    Row,
    StoreLike,
    SweepLike,
    about,
    ledger_of,
    opened,
    varied_keys,
    varied_of,
)
from w2s_platform.stages.evaluate import QUESTIONS
from w2s_platform.stages.reliability import COLUMNS, RELIABILITY, reliability_frame
from w2s_platform.store import Artifact, Store

if TYPE_CHECKING:
    import pandas as pd

MOST = 20_000
"""Evaluations whose bins are kept; some ten bins each, they take about 3 kB."""


def reliability(store: StoreLike, sweep: SweepLike) -> "pd.DataFrame":
    """How often predictions are right, by how sure they are.

    Args:
        store: A store or its URL.
        sweep: The sweep's name, or its ledger.

    Returns:
        For each evaluation that measured `ece`, one row per bin that is not empty: `sweep, cell,
        seed, subject, task, role, split, low, high, n, confidence, accuracy, accuracy_low,
        accuracy_high`, then one column per varied key; the numbers are those of
        `stages.reliability.reliability_frame`. Rows can be pooled over seeds or tasks: sum `n`, and
        average `confidence` and `accuracy` with weights `n`.

    Raises:
        InputError: The store holds no sweep of this name.
    """
    import pandas as pd

    found = opened(store)
    ledger = ledger_of(found, sweep)
    columns = [*ABOUT, *COLUMNS, *varied_keys(ledger)]
    return pd.DataFrame(_rows(Bins(found), ledger), columns=columns)


class Bins:
    """Bins by the key of their evaluation; cells share evaluations, so each is read once.

    Args:
        store: Where the evaluations are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: Kept[list[tuple[float, ...]]] = Kept(MOST)

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def of(self, key: str) -> list[tuple[float, ...]]:
        """A finished evaluation's bins, each with the values of `COLUMNS`; none where no `ece` was
        measured, or nothing has finished under this key."""
        return self._kept.get(key, lambda: self._read(key)) or []

    def _read(self, key: str) -> list[tuple[float, ...]] | None:
        artifact = self._store.find(key)
        return _bins(artifact) if artifact and artifact.kind == "evaluate" else None


def _rows(bins: Bins, ledger: Ledger) -> list[Row]:
    return [
        {**about(ledger.sweep, cell, measure), **dict(zip(COLUMNS, each, strict=True)), **varied}
        for cell in ledger.cells
        for varied in (varied_of(cell),)
        for measure in cell.measures
        for each in bins.of(measure.key)
    ]


def _bins(artifact: Artifact) -> list[tuple[float, ...]]:
    """The artifact's bins; those of an older artifact are made of its questions."""
    import pyarrow.parquet as pq

    files = artifact.manifest.files
    if RELIABILITY in files:
        columns = pq.read_table(artifact.path(RELIABILITY), columns=list(COLUMNS)).to_pydict()
        return list(zip(*(columns[name] for name in COLUMNS), strict=True))
    if QUESTIONS in files and "ece" in artifact.manifest.preimage["settings"]["metrics"]:
        import pandas as pd

        frame = reliability_frame(pd.read_parquet(artifact.path(QUESTIONS)))
        return list(frame.itertuples(index=False, name=None))
    return []
