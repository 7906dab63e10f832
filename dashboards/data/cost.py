"""What did it cost? Amounts in the units that people read, and results against costs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dashboards.data.reader import SweepData
from dashboards.data.worked import group_names
from w2s_platform.cli.render.results import subject_order
from w2s_platform.results.coded import as_text
from w2s_platform.results.summary import varied_columns

if TYPE_CHECKING:
    import pandas as pd

COMPARED = ("floor", "bagging", "long", "ensemble", "single", "student", "ceiling")
MOST_POINTS = 1000
_ACROSS, _DOWN = 160, 60
"""How many points fit side by side into a figure, and one above the other."""
_UNITS = {"hours": 1.0, "minutes": 60.0, "seconds": 3600.0}
"""How many there are in an hour."""


def by_kind(costs: "pd.DataFrame") -> "pd.DataFrame":
    """Costs by kind of stage: hours, millions of tokens, 10¹² FLOPs; the dearest last.

    Args:
        costs: What `results.costs` returned, of one sweep or several.
    """
    sums = costs.groupby("kind", sort=False, as_index=False).sum(numeric_only=True)
    return sums.assign(
        device_hours=sums["device_seconds"] / 3600,
        failed_hours=sums["failed_device_seconds"] / 3600,
        tokens_millions=sums["tokens"] / 1e6,
        tera_flops=sums["flops"] / 1e12,
    )


def unit_of(hours: float) -> tuple[str, float]:
    """The largest unit of which an amount has two or more, and how many of it make an hour."""
    return next((unit for unit in _UNITS.items() if hours * unit[1] >= 2), ("seconds", 3600.0))


def as_read(frame: "pd.DataFrame", unit: str) -> "pd.DataFrame":
    """The costs of `by_kind` with the names and digits that people read.

    Args:
        frame: What `by_kind` returned.
        unit: Of times: `hours`, `minutes` or `seconds`.
    """
    times = {f"device {unit}": "device_hours", f"lost {unit}": "failed_hours"}
    scaled = {name: (frame[column] * _UNITS[unit]).round(3) for name, column in times.items()}
    return (
        frame[["kind", "stages"]]
        .assign(
            **scaled,
            **{
                "lost attempts": frame["failed_attempts"],
                "tokens, millions": frame["tokens_millions"].round(3),
                "10¹² FLOPs": frame["tera_flops"].round(3),
            },
        )
        .rename(columns={"kind": "stage", "stages": "finished"})
    )


def subject_costs(data: SweepData) -> "pd.DataFrame":
    """What making each subject's model cost in each cell, as if nothing else had been run.

    Returns:
        Columns `cell`, `subject`, `device_hours`: of the subject's stage and all that it needs,
        as far as they have finished. Evaluations are not counted.
    """
    import pandas as pd

    needs: dict[str, frozenset[str]] = {}

    def closure(key: str) -> frozenset[str]:
        if key not in needs:
            facts = data.stages.get(key)
            below = (closure(each) for each in facts.inputs) if facts else ()
            needs[key] = frozenset((key,)).union(*below)
        return needs[key]

    def hours(key: str) -> float:
        known = (data.stages[each] for each in closure(key) if each in data.stages)
        return sum(facts.cost.device_seconds for facts in known) / 3600

    found = {key: hours(key) for cell in data.ledger.cells for key in cell.models.values()}
    lines = [
        {"cell": cell.id, "subject": subject, "device_hours": found[key]}
        for cell in data.ledger.cells
        for subject, key in cell.models.items()
    ]
    return pd.DataFrame(lines, columns=["cell", "subject", "device_hours"])


def frontier(
    rows: "pd.DataFrame", costs: "pd.DataFrame", metric: str, role: str, *, lower: bool
) -> "pd.DataFrame":
    """Each configuration's result against what making it cost, means over seeds.

    Args:
        rows: Result rows.
        costs: What `subject_costs` returned.
        metric: The result.
        role: Of which questions.
        lower: Whether less of the metric is better.

    Returns:
        One row per configuration and subject: the varied keys, `subject`, `device_hours`, `value`,
        `cells`, `name`, and `best`, where nothing is better for less.
    """
    keys = varied_columns(rows)
    chosen = rows[
        (rows["metric"] == metric) & (rows["role"] == role) & rows["subject"].isin(COMPARED)
    ]
    apart = [*keys, "subject", "cell"]
    per_cell = chosen.groupby(apart, dropna=False, observed=True)["value"]
    means = as_text(per_cell.mean().reset_index())
    values = means[means["value"].notna()]
    both = values.merge(costs, on=["cell", "subject"])
    grouped = both.groupby([*keys, "subject"], dropna=False, as_index=False, sort=False)
    frame = grouped.agg(
        value=("value", "mean"), device_hours=("device_hours", "mean"), cells=("cell", "nunique")
    )
    names = group_names(frame, keys)
    named = frame.assign(
        name=[f"{s}{', ' if g else ''}{g}" for s, g in zip(frame["subject"], names, strict=True)]
    )
    place = {name: n for n, name in enumerate(subject_order(list(COMPARED)))}
    ordered = named.assign(_s=named["subject"].map(place)).sort_values("_s", kind="stable")
    best = pareto(ordered["device_hours"].tolist(), ordered["value"].tolist(), lower=lower)
    return ordered.drop(columns="_s").assign(best=best).reset_index(drop=True)


def apart(frame: "pd.DataFrame", x: str, y: str) -> "pd.DataFrame":
    """The rows whose points can be told apart; a browser takes seconds to draw many thousands.

    Args:
        frame: Columns `x, y, subject, best`, a row per point.
        x: The column of horizontal places.
        y: The column of vertical places.

    Returns:
        Up to `MOST_POINTS` rows as they are; else, per subject, one in each field of a grid as
        fine as points are large, and all that are `best`.
    """
    if len(frame) <= MOST_POINTS:
        return frame
    fields = {
        name: ((frame[name] - frame[name].min()) / span * number).astype(int)
        for name, number in ((x, _ACROSS), (y, _DOWN))
        if (span := float(frame[name].max() - frame[name].min()))
    }
    places = frame[["subject"]].assign(**fields)
    return frame[~places.duplicated() | frame["best"]]


def pareto(costs: Sequence[float], values: Sequence[float], *, lower: bool) -> list[bool]:
    """Which points no other point beats: better for the same cost or less, or as good for less."""
    sign = -1.0 if lower else 1.0
    best, found = float("-inf"), [False] * len(costs)
    order = sorted(range(len(costs)), key=lambda i: (costs[i], -sign * values[i]))
    for index in order:
        if sign * values[index] > best:
            best = sign * values[index]
            found[index] = True
    return found
