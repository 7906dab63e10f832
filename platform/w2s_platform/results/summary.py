"""Means over seeds with their intervals, and differences paired by seed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ensemble_core.metrics import mean_interval
from w2s_platform.results.rows import COLUMNS
from w2s_platform.subject import BEST, CHOSEN

if TYPE_CHECKING:
    import pandas as pd

PAIRS = (
    ("ensemble", "floor"),
    ("ensemble", "long"),
    ("ensemble", "bagging"),
    ("student", "single"),
    (BEST, CHOSEN),
)
"""The differences that answer the sweep's question."""
GROUP = ("role", "metric", "subject")
INTERVAL = ("mean", "low", "high", "n", "undefined")


def varied_columns(frame: "pd.DataFrame") -> list[str]:
    """The columns of a result frame that the sweep varied."""
    return [column for column in frame.columns if column not in COLUMNS]


def summarise(frame: "pd.DataFrame", by: Sequence[str] | None = None) -> "pd.DataFrame":
    """Means over seeds with 95 % t intervals.

    A seed counts once: within a seed, rows that `by` does not tell apart (tasks of one role,
    values of a varied key) are averaged first. Where one of them has no value, the seed has none:
    a mean over the others would be over other tasks than another seed's.

    Args:
        frame: Result rows.
        by: Columns to keep apart besides role, metric and subject; default: the varied keys.

    Returns:
        Columns `by…, role, metric, subject, mean, low, high, n, undefined`; `n` counts seeds
        with a value, `undefined` those without one (a PGR where ceiling ≤ floor). Bounds are NaN
        where n is 1.

    Raises:
        KeyError: `by` names a column that the frame lacks.
    """
    import pandas as pd

    keys = _keys(frame, by)
    each = frame.groupby([*keys, "seed"], dropna=False, sort=False)["value"]
    seeds = each.mean().where(each.count() == each.size()).reset_index()
    rows = [
        {**dict(zip(keys, key, strict=True)), **_interval(group["value"])}
        for key, group in seeds.groupby(keys, dropna=False, sort=False)
    ]
    return pd.DataFrame(rows, columns=[*keys, *INTERVAL]).astype(dict.fromkeys(INTERVAL[:3], float))


def count_uneven(frame: "pd.DataFrame", by: Sequence[str] | None = None) -> int:
    """How many means of `summarise` have a seed that lacks a slice which another seed has.

    A sweep that is half done has such means. A slice is a task, its split, and the values of varied
    keys that `by` does not keep apart.

    Args:
        frame: Result rows.
        by: As for `summarise`.
    """
    keys = _keys(frame, by)
    slices = list(dict.fromkeys([*keys, "task", "split", *varied_columns(frame)]))
    rows = frame[[*slices, "seed"]].astype(str)
    wanted = rows.drop_duplicates(slices).groupby(keys).size()
    found = rows.groupby([*keys, "seed"]).size().groupby(level=keys).min()
    return int((found < wanted).sum())


def _keys(frame: "pd.DataFrame", by: Sequence[str] | None) -> list[str]:
    return list(dict.fromkeys([*(varied_columns(frame) if by is None else by), *GROUP]))


def differences(
    frame: "pd.DataFrame",
    by: Sequence[str] | None = None,
    pairs: Sequence[tuple[str, str]] = PAIRS,
    metrics: Sequence[str] = ("accuracy", "choice_accuracy"),
) -> "pd.DataFrame":
    """Differences between two subjects, paired by cell and slice, with intervals over seeds.

    Returns:
        As `summarise`, with `subject` like `ensemble - floor`.
    """
    import pandas as pd

    slices = [column for column in frame.columns if column not in ("subject", "value", "stderr")]
    slices = [column for column in slices if column != "n"]
    chosen = frame[frame["metric"].isin(metrics)]
    parts: list[pd.DataFrame] = []
    for first, second in pairs:
        left, right = (chosen[chosen["subject"] == subject] for subject in (first, second))
        both = left.merge(right, on=slices, suffixes=("", "_other"))
        if len(both):
            both = both.assign(
                value=both["value"] - both["value_other"], subject=f"{first} - {second}"
            )
            parts.append(both[list(frame.columns)])
    return summarise(pd.concat(parts) if parts else frame.iloc[:0], by)


def _interval(values: "pd.Series[float]") -> dict[str, Any]:
    defined = values.dropna()
    undefined = len(values) - len(defined)
    if defined.empty:
        return dict.fromkeys(INTERVAL, float("nan")) | {"n": 0, "undefined": undefined}
    interval = mean_interval(defined.to_numpy())
    return {
        "mean": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "n": interval.n,
        "undefined": undefined,
    }
