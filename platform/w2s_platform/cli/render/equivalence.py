"""The table of `--margin`: which differences are shown to be too small to matter."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from w2s_platform.cli.render.layout import Layout, Row
from w2s_platform.cli.render.metrics import PERCENT, heading, scale_of, show_interval
from w2s_platform.cli.render.results import TITLES, short_keys
from w2s_platform.results.summary import REPORTED
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    import pandas as pd

NOTHING_TO_TEST = (
    "--margin: nothing to test; it needs a metric in points of student and ceiling, or of "
    "ensemble and long, on test questions"
)


def equivalence_layouts(
    frame: "pd.DataFrame", by: Sequence[str], metrics: Sequence[str], margin: float
) -> list[Layout]:
    """One table per metric that is measured in points and of which there are differences.

    Args:
        frame: Result rows.
        by: The columns that tell groups apart.
        metrics: Those that are shown.
        margin: In points.
    """
    from w2s_platform.results.equivalence import equivalences

    chosen = [metric for metric in metrics if scale_of(metric) == PERCENT]
    tested = frame[frame["role"].isin(REPORTED)]
    found = equivalences(tested, margin / PERCENT.factor, by, metrics=chosen)
    parts = {metric: found[found["metric"] == metric] for metric in chosen}
    return [_layout(part, by, metric, margin) for metric, part in parts.items() if len(part)]


def _layout(found: "pd.DataFrame", by: Sequence[str], metric: str, margin: float) -> Layout:
    records: list[dict[str, Any]] = found.to_dict("records")  # pyright: ignore[reportAssignmentType]
    rows = [Row(tuple(_cells(record, by, metric))) for record in records]
    within = f"equivalent within ±{margin:g} points"
    note = (
        f"equivalent: two one-sided t tests, paired by seed, reject a difference of {margin:g} "
        "points or more either way at 5 %; `no` does not say that there is a difference"
    )
    columns = (*short_keys(by), heading(metric), "", "difference", within, "n")
    return Layout(f"margin of {margin:g} points", columns, tuple(rows), len(by) + 2, (note,))


def _cells(record: Mapping[str, Any], by: Sequence[str], metric: str) -> Iterator[str]:
    yield from (show_value(record[key]) for key in by)
    yield record["subject"].replace(" - ", " − ")
    yield TITLES[record["role"]]
    yield show_interval(record["mean"], record["low"], record["high"], metric, signed=True)
    yield _verdict(record)
    yield str(int(record["n"]))


def _verdict(record: Mapping[str, Any]) -> str:
    if record["n"] < 2:
        return "needs two seeds"
    p = record["p"]
    shown = "< 0.01" if p < 0.01 else f"= {p:.2f}"
    return f"{'yes' if record['equivalent'] else 'no'} (p {shown})"
