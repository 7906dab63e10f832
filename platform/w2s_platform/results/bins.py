"""Reliability rows: the bins behind each `ece` of a sweep."""

from typing import TYPE_CHECKING

from w2s_platform.results.ledger import Ledger, read_ledger
from w2s_platform.results.reading import (
    ABOUT,
    Row,
    StoreLike,
    about,
    evaluations,
    opened,
    varied_keys,
    varied_of,
)
from w2s_platform.stages.evaluate import QUESTIONS
from w2s_platform.stages.reliability import COLUMNS, RELIABILITY, reliability_frame
from w2s_platform.store import Artifact, Store

if TYPE_CHECKING:
    import pandas as pd


def reliability(store: StoreLike, sweep: str) -> "pd.DataFrame":
    """How often predictions are right, by how sure they are.

    Args:
        store: A store or its URL.
        sweep: The sweep's name.

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
    ledger = read_ledger(found, sweep)
    columns = [*ABOUT, *COLUMNS, *varied_keys(ledger)]
    return pd.DataFrame(_rows(found, ledger), columns=columns)


def _rows(store: Store, ledger: Ledger) -> list[Row]:
    seen: dict[str, list[Row]] = {}  # cells share evaluations
    rows: list[Row] = []
    for cell in ledger.cells:
        for measure, artifact in evaluations(store, cell):
            if artifact.key not in seen:
                seen[artifact.key] = _bins(artifact)
            named = about(ledger.sweep, cell, measure)
            rows += [{**named, **each, **varied_of(cell)} for each in seen[artifact.key]]
    return rows


def _bins(artifact: Artifact) -> list[Row]:
    """The artifact's bins; those of an older artifact are made of its questions."""
    import pandas as pd

    files = artifact.manifest.files
    if RELIABILITY in files:
        frame = pd.read_parquet(artifact.path(RELIABILITY))
    elif QUESTIONS in files and "ece" in artifact.manifest.preimage["settings"]["metrics"]:
        frame = reliability_frame(pd.read_parquet(artifact.path(QUESTIONS)))
    else:
        return []
    return frame.to_dict("records")  # pyright: ignore[reportReturnType]
