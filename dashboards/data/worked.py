"""Did it work? Means from floor to ceiling, PGR, and paired differences: those of `w2s results`."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from dashboards.data.scope import REPORTED
from w2s_platform.cli.render.results import short_keys, subject_order
from w2s_platform.results.rows import PGR_OF
from w2s_platform.results.summary import differences, pairs_of, summarise
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    import pandas as pd

GROUP = "group"
"""The column that names a combination of the values of `by`; empty where there is one only."""


def levels(rows: "pd.DataFrame", by: Sequence[str]) -> "pd.DataFrame":
    """Means over seeds of every subject; of PGR, with the seeds in which it is undefined.

    Args:
        rows: Result rows of one metric, see `Scope.tested`.
        by: The columns that tell groups apart.

    Returns:
        As `summarise`, sorted as tables are, with the column `group`.
    """
    return _sorted(summarise(rows, by), by)


def has_pgr(metrics: Collection[str], metric: str) -> bool:
    """Whether a PGR is made of this metric, where these were measured."""
    return metric == next((name for name in PGR_OF if name in metrics), None)


def gains(rows: "pd.DataFrame", metric: str, by: Sequence[str]) -> "pd.DataFrame":
    """Differences paired by seed; see `levels`. The subject reads `ensemble - floor`."""
    pairs = pairs_of(rows["subject"].unique())
    found = differences(rows, by, pairs, metrics=(metric,))
    order = {f"{first} - {second}": place for place, (first, second) in enumerate(pairs)}
    return _sorted(found, by, order)


def group_names(frame: "pd.DataFrame", by: Sequence[str]) -> list[str]:
    """One name per row: the values of `by`, such as `combine vote, count 3`."""
    if not by or frame.empty:
        return [""] * len(frame)
    short = short_keys(by)
    return [
        ", ".join(f"{name} {show_value(v)}" for name, v in zip(short, values, strict=True))
        for values in frame[list(by)].itertuples(index=False, name=None)
    ]


def _sorted(
    summary: "pd.DataFrame", by: Sequence[str], order: "dict[str, int] | None" = None
) -> "pd.DataFrame":
    """By group as it comes, then ID before OOD, then subjects as the method makes them."""
    names = list(summary["subject"].unique())
    place = order or {name: index for index, name in enumerate(subject_order(names))}
    roles = {role: index for index, role in enumerate(REPORTED)}
    named = summary.assign(**{GROUP: group_names(summary, by)})
    groups = {name: index for index, name in enumerate(named[GROUP].unique())}
    keyed = named.assign(
        _g=named[GROUP].map(groups),
        _r=named["role"].map(roles).fillna(len(roles)),
        _s=named["subject"].map(place),
    )
    ordered = keyed.sort_values(["_g", "_r", "_s"], kind="stable")
    return ordered.drop(columns=["_g", "_r", "_s"]).reset_index(drop=True)
