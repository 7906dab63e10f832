"""Means over seeds with their intervals, and differences paired by seed."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from w2s_platform.results.coded import as_text, row_codes
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
_SLICE = ["sweep", "cell", "seed", "task", "role", "split", "metric"]
"""What two subjects have in common where they are compared. A cell's id says what it varies:
pairing by that too would only take longer."""


def varied_columns(frame: "pd.DataFrame") -> list[str]:
    """The columns of a result frame that tell the sweep's configurations apart.

    These are the varied keys. Where cases have names, a name stands for the keys that it decides.
    """
    varied = [column for column in frame.columns if column not in COLUMNS]
    if CASE not in varied:
        return varied
    others = [column for column in varied if column != CASE]
    different = frame[varied].drop_duplicates().astype(str)
    values = different.groupby(CASE)[others].nunique()
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
    each = frame.groupby([*keys, "seed"], dropna=False, sort=False, observed=True)["value"]
    return as_text(each.mean().where(each.count() == each.size()).reset_index())


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
    import numpy as np
    import pandas as pd

    keys = _keys(frame, by)
    mean, seed = row_codes(frame, keys), row_codes(frame, [*keys, "seed"])
    each = row_codes(frame, dict.fromkeys([*keys, "task", "split", *varied_columns(frame)]))
    wanted = np.bincount(mean[~pd.Series(each).duplicated()])
    rows = pd.Series(np.bincount(seed)).groupby(mean[~pd.Series(seed).duplicated()]).min()
    return int((rows.to_numpy() < wanted).sum())


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
    kept = varied_columns(frame) if by is None else by
    # Only what the means need is carried along: most of the time goes into copying columns.
    needed = frame[list(dict.fromkeys([*_SLICE, "subject", "value", *kept]))]
    return summarise(paired(needed, chosen, metrics), kept)


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
    import numpy as np
    import pandas as pd

    compared = {subject for pair in pairs for subject in pair}
    chosen = frame[frame["metric"].isin(metrics) & frame["subject"].isin(compared)]
    # Slices as numbers: merging on seven columns, for each pair anew, would take most of the time.
    place = row_codes(chosen, _SLICE)
    parts: list[pd.DataFrame] = []
    for first, second in pairs:
        left, right = (np.flatnonzero(chosen["subject"] == subject) for subject in (first, second))
        both = pd.merge(
            pd.DataFrame({"slice": place[left], "row": left}),
            pd.DataFrame({"slice": place[right], "other": right}),
            on="slice",
        )
        if len(both):
            parts.append(_difference(chosen, both["row"], both["other"], f"{first} - {second}"))
    return pd.concat(parts) if parts else frame.iloc[:0]


def _difference(
    rows: "pd.DataFrame", first: "pd.Series[int]", second: "pd.Series[int]", name: str
) -> "pd.DataFrame":
    """The rows at some places, less the values of those at others."""
    values = rows["value"].to_numpy()
    made = rows.iloc[first].reset_index(drop=True)
    return made.assign(value=values[first] - values[second], subject=name)


def _t_of_seeds(n: "pd.Series[int]", level: float = 0.95) -> "pd.Series[float]":
    """Student's two-sided quantile for means of n values; NaN below two values."""
    from scipy.stats import t

    different = {int(number) for number in n.unique() if number > 1}
    quantiles = {number: float(t.ppf((1 + level) / 2, number - 1)) for number in different}
    return n.map(quantiles).astype(float)
