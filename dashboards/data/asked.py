"""What single evaluations tell: read once by their keys, and as many as a look has time for."""

import time
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from dashboards.data.mattered import is_staged
from dashboards.data.reader import SweepData
from dashboards.data.scope import REPORTED
from dashboards.data.stored import EVALUATIONS, Stored
from w2s_platform.graph.model import Measure
from w2s_platform.results.answers import Outcomes
from w2s_platform.results.bins import MOST, Bins
from w2s_platform.results.ledger import CellRecord
from w2s_platform.results.outcomes import outcomes_frame
from w2s_platform.results.reading import about
from w2s_platform.stages.reliability import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

Evaluation = tuple[SweepData, CellRecord, Measure]


def tested(data: Iterable[SweepData], cells: Collection[str]) -> Iterator[Evaluation]:
    """The finished evaluations of these cells on test questions, in the order of the ledger."""
    for each in data:
        for cell in each.ledger.cells:
            if cell.id in cells:
                for measure in cell.measures:
                    facts = each.stages.get(measure.key)
                    if facts and facts.kind == "evaluate" and measure.role in REPORTED:
                        yield each, cell, measure


def bins_of(
    data: Iterable[SweepData], cells: Collection[str], stored: Stored
) -> "tuple[pd.DataFrame, int, int]":
    """Reliability bins of the test questions of some cells.

    Returns:
        The columns of `results.reliability` that pooling needs; how many evaluations are still to
        be read; and how many are left out, as no more than `bins.MOST` are read.
    """
    import pandas as pd

    every = [m for *_, m in tested(data, cells) if not is_staged(m.subject)]
    chosen = every[:MOST]
    unread = _read((m.key for m in chosen), stored.bins, stored.deadline())
    shown = (m for m in chosen if not unread or m.key in stored.bins)
    rows = [(m.role, m.subject, *each) for m in shown for each in stored.bins.of(m.key)]
    frame = pd.DataFrame(rows, columns=["role", "subject", *COLUMNS])
    return frame, unread, len(every) - len(chosen)


def outcomes_of(
    data: Iterable[SweepData], cells: Collection[str], subjects: Collection[str], stored: Stored
) -> "tuple[pd.DataFrame, int, set[str]]":
    """What subjects answered to the test questions of some cells.

    Returns:
        The columns `stored.OUTCOMES` of `results.questions`, of the cells that are read wholly; how
        many evaluations are still to be read; and those cells.
    """
    chosen = [each for each in tested(data, cells) if each[2].subject in subjects]
    keys = list(dict.fromkeys(measure.key for *_, measure in chosen))
    until = stored.deadline() if len(keys) <= EVALUATIONS else float("inf")
    unread = _read(keys, stored.outcomes, until)
    lacking = {c.id for _, c, m in chosen if unread and m.key not in stored.outcomes}
    read = [(about(d.sweep, c, m), m.key) for d, c, m in chosen if c.id not in lacking]
    return outcomes_frame(read, stored.outcomes), unread, set(cells) - lacking


def _read(keys: Iterable[str], held: Bins | Outcomes, until: float) -> int:
    """Read what is not held yet until the time is over, one at least; how many are left."""
    wanted = [key for key in dict.fromkeys(keys) if key not in held]
    for place, key in enumerate(wanted):
        if place and time.monotonic() >= until:
            return len(wanted) - place
        held.of(key)
    return 0
