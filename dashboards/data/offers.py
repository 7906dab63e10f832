"""What there is to choose from: the values of every column, before anything is filtered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboards.data.scope import FILTERED, choices
from dashboards.data.worked import group_names
from w2s_platform.results.summary import varied_columns

if TYPE_CHECKING:
    import pandas as pd

MOST_VALUES = 300
"""Values of a column that are offered."""


@dataclass(frozen=True)
class Offers:
    """The choices that result rows allow."""

    varied: tuple[str, ...]
    """The keys that the sweeps vary."""
    values: Mapping[str, list[str]]
    """Column → its values as text."""
    cells: Mapping[str, str]
    """Ids of cells with measurements → what people read: settings, seed and id."""


def offers_of(rows: "pd.DataFrame") -> Offers:
    """The choices that these rows allow; at most `MOST_VALUES` of each column."""
    varied = varied_columns(rows)
    values = {column: choices(rows, column)[:MOST_VALUES] for column in (*varied, *FILTERED)}
    return Offers(tuple(varied), values, _cells(rows, varied))


def _cells(rows: "pd.DataFrame", varied: Sequence[str]) -> dict[str, str]:
    first = rows.drop_duplicates("cell").head(MOST_VALUES)
    told = zip(first["cell"], first["seed"], group_names(first, varied), strict=True)
    return {
        str(cell): f"{f'{group}, ' if group else ''}seed {seed} · {cell}"
        for cell, seed, group in told
    }
