"""Means over seeds with their intervals, and differences paired by seed."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from w2s_platform.results.rows import COLUMNS
from w2s_platform.subject import BEST, CHOSEN, GENERATION
from w2s_platform.sweepfile.tree import CASE

if TYPE_CHECKING:
    import pandas as pd

PAIRS = (
    ("ensemble", "floor"),
    ("ensemble", "long"),
    ("ensemble", "bagging"),
    ("ensemble", "sequence"),
    ("student", "single"),
    (BEST, CHOSEN),
)
"""The differences that answer the sweep's question."""
REPORTED = ("id", "ood")
"""The roles of test questions, which are what a table shows as soon as they are measured."""
GROUP = ("role", "metric", "subject")
INTERVAL = ("mean", "low", "high", "n", "undefined")


def varied_columns(frame: "pd.DataFrame") -> list[str]:
    """The columns of a result frame that tell the sweep's configurations apart.

    These are the varied keys. Where cases have names, a name stands for the keys that it decides.
    """
    varied = [column for column in frame.columns if column not in COLUMNS]
    if CASE not in varied:
        return varied
    others = [column for column in varied if column != CASE]
    values = frame[others].astype(str).groupby(frame[CASE].astype(str)).nunique()
    return [CASE, *(column for column in others if (values[column] > 1).any())]


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
    return summarise_seeds(per_seed(frame, by))


def per_seed(frame: "pd.DataFrame", by: Sequence[str] | None = None) -> "pd.DataFrame":
    """One value per seed: the mean of its rows, or none where one of them has no value.

    Returns:
        Columns `by…, role, metric, subject, seed, value`.
    """
    keys = _keys(frame, by)
    each = frame.groupby([*keys, "seed"], dropna=False, sort=False)["value"]
    return each.mean().where(each.count() == each.size()).reset_index()


def summarise_seeds(seeds: "pd.DataFrame") -> "pd.DataFrame":
    """Means with intervals of what `per_seed` gives; columns as of `summarise`."""
    keys = [column for column in seeds.columns if column not in ("seed", "value")]
    values = seeds.groupby(keys, dropna=False, sort=False)["value"]
    found = values.agg(mean="mean", n="count", size="size", spread="std").reset_index()
    # `mean_interval` for all groups at once: a large sweep has tens of thousands.
    half = _t_of_seeds(found["n"]) * found["spread"] / found["n"] ** 0.5
    bounds = {"low": found["mean"] - half, "high": found["mean"] + half}
    return found.assign(**bounds, undefined=found["size"] - found["n"])[[*keys, *INTERVAL]]


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
    rows = frame[[*slices, "seed"]]
    wanted = rows.drop_duplicates(slices).groupby(keys, dropna=False, sort=False).size()
    each = rows.groupby([*keys, "seed"], dropna=False, sort=False).size().reset_index(name="rows")
    found = each.groupby(keys, dropna=False, sort=False)["rows"].min()
    return int((found.to_numpy() < wanted.to_numpy()).sum())


def _keys(frame: "pd.DataFrame", by: Sequence[str] | None) -> list[str]:
    return list(dict.fromkeys([*(varied_columns(frame) if by is None else by), *GROUP]))


def differences(
    frame: "pd.DataFrame",
    by: Sequence[str] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    metrics: Sequence[str] = ("accuracy", "choice_accuracy"),
) -> "pd.DataFrame":
    """Differences between two subjects, paired by cell and slice, with intervals over seeds.

    Args:
        frame: Result rows.
        by: As for `summarise`.
        pairs: First and second subject; default: `pairs_of` the frame's.
        metrics: Of which to take the differences.

    Returns:
        As `summarise`, with `subject` like `ensemble - floor`.
    """
    chosen = pairs_of(frame["subject"].unique()) if pairs is None else pairs
    return summarise(paired(frame, chosen, metrics), by)


def pairs_of(subjects: Iterable[str]) -> list[tuple[str, str]]:
    """`PAIRS`, and each later generation's student against the one that taught it."""
    found = [match for subject in subjects if (match := GENERATION.fullmatch(subject))]
    later = sorted(int(match[2]) for match in found if match[1] == "student")
    taught = [("student" if n == 2 else f"student_{n - 1}", f"student_{n}") for n in later]
    return [*PAIRS, *((student, teacher) for teacher, student in taught)]


def paired(
    frame: "pd.DataFrame", pairs: Sequence[tuple[str, str]], metrics: Sequence[str]
) -> "pd.DataFrame":
    """Result rows whose values are differences between two subjects on one slice of one cell.

    Returns:
        The columns of the frame, with `subject` like `ensemble - floor`.
    """
    import pandas as pd

    # A cell's id says what it varies: pairing by that too would only take longer.
    slices = ["sweep", "cell", "seed", "task", "role", "split", "metric"]
    chosen = frame[frame["metric"].isin(metrics)]
    parts: list[pd.DataFrame] = []
    for first, second in pairs:
        left, right = (chosen[chosen["subject"] == subject] for subject in (first, second))
        both = left.merge(right[[*slices, "value"]], on=slices, suffixes=("", "_other"))
        if len(both):
            both = both.assign(
                value=both["value"] - both["value_other"], subject=f"{first} - {second}"
            )
            parts.append(both[list(frame.columns)])
    return pd.concat(parts) if parts else frame.iloc[:0]


def _t_of_seeds(n: "pd.Series[int]", level: float = 0.95) -> "pd.Series[float]":
    """Student's two-sided quantile for means of n values; NaN below two values."""
    from scipy.stats import t

    different = {int(number) for number in n.unique() if number > 1}
    quantiles = {number: float(t.ppf((1 + level) / 2, number - 1)) for number in different}
    return n.map(quantiles).astype(float)
