"""Is one subject as good as another? An equivalence test of their differences, paired by seed."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from w2s_platform.results.reading import Row
from w2s_platform.results.summary import paired, per_seed, summarise_seeds
from w2s_platform.subject import ceiling_of

if TYPE_CHECKING:
    import pandas as pd

TESTED = ("p", "equivalent")


def equivalences(
    frame: "pd.DataFrame",
    margin: float,
    by: Sequence[str] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    metrics: Sequence[str] = ("accuracy", "choice_accuracy"),
) -> "pd.DataFrame":
    """Test whether differences between two subjects lie within a margin, see `equivalence_test`.

    Args:
        frame: Result rows.
        margin: The largest difference that does not matter, in the unit of the rows' values.
        by: As for `summary.summarise`.
        pairs: First and second subject; default: `on_par` of the frame's.
        metrics: Of which to test the differences.

    Returns:
        As `summary.differences`, and for each of them `p`, the p value of the two one-sided tests,
        and whether the subjects are `equivalent`; both are missing where fewer than two seeds have
        a difference.

    Raises:
        ValueError: The margin is not finite and above 0.
    """
    chosen = on_par(frame["subject"].unique()) if pairs is None else pairs
    seeds = per_seed(paired(frame, chosen, metrics), by)
    keys = [name for name in seeds.columns if name not in ("seed", "value")]
    groups = seeds.groupby(keys, dropna=False, sort=False)  # in the order of the summary
    tests = [_test(part["value"].dropna(), margin) for _, part in groups]
    columns = {name: [test[name] for test in tests] for name in TESTED}
    return summarise_seeds(seeds).assign(**columns)


def on_par(subjects: Iterable[str]) -> list[tuple[str, str]]:
    """Who may be as good as whom: each student as its ceiling, which learned from true answers; the
    ensemble as the one expert that cost as much to train."""
    ceilings = [(s, ceiling) for s in subjects if s != "single" and (ceiling := ceiling_of(s))]
    return [*sorted(ceilings), ("ensemble", "long")]


def _test(values: "pd.Series[float]", margin: float) -> Row:
    from ensemble_core.equivalence import equivalence_test

    if len(values) < 2:
        return dict.fromkeys(TESTED)
    result = equivalence_test(values.to_numpy(), margin)
    return {"p": result.p, "equivalent": result.verdict == "equivalent"}
