"""Equivalence within a margin: "on par" as a finding, not as a difference that was not found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble_core.metrics import Interval, mean_interval, standard_error

SIZE = 0.05
"""Of each one-sided test, and of the test for a difference."""

Verdict = Literal["equivalent", "better", "worse", "inconclusive"]


@dataclass(frozen=True)
class Equivalence:
    """The outcome of two one-sided tests; see `equivalence_test`."""

    margin: float
    interval: Interval
    """The mean difference with its 90 % interval, which decides on equivalence."""
    wide: Interval
    """The same with its 95 % interval, which decides on better and worse."""
    p: float | None
    """The larger p value of the two tests; None where n is 1."""
    verdict: Verdict


def equivalence_test(differences: Sequence[float] | ArrayLike, margin: float) -> Equivalence:
    """Two one-sided t tests (TOST, Schuirmann 1987) of paired differences against ±margin.

    The hypotheses mean ≤ -margin and mean ≥ margin are tested at 5 % each. Both are rejected
    exactly where the 90 % t interval lies inside (-margin, margin). The verdict, the first that
    holds:

    - `equivalent`: both are rejected. A difference from 0 may be significant too; it is then too
      small to matter.
    - `better` / `worse`: the 95 % t interval lies above / below 0, so there is a difference (two-
      sided test at 5 %), and it was not shown to be within the margin. It need not exceed it.
    - `inconclusive`: neither; too few or too scattered pairs. So is a single pair.

    Args:
        differences: First minus second, one per seed, shape [n]; larger is better (negate those
            of a loss).
        margin: The largest difference that does not matter, above 0, in the unit of the
            differences; to be stated before the data are seen.

    Raises:
        ValueError: The margin is not finite and above 0, there is no difference, or one is not
            finite.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise ValueError(f"a margin is finite and above 0, not {margin}")
    narrow = mean_interval(differences, level=1 - 2 * SIZE)
    wide = mean_interval(differences, level=1 - SIZE)
    p = _tost_p(np.asarray(differences, dtype=np.float64), margin)
    return Equivalence(margin, narrow, wide, p, _verdict(narrow, wide, margin))


def _verdict(narrow: Interval, wide: Interval, margin: float) -> Verdict:
    if narrow.low is None or narrow.high is None or wide.low is None or wide.high is None:
        return "inconclusive"
    if -margin < narrow.low and narrow.high < margin:
        return "equivalent"
    if wide.low > 0:
        return "better"
    return "worse" if wide.high < 0 else "inconclusive"


def _tost_p(differences: NDArray[np.float64], margin: float) -> float | None:
    from scipy.stats import t  # imported late, as it is slow to load

    if len(differences) == 1:
        return None
    inside = margin - abs(float(differences.mean()))  # to the nearer bound, whose p is the larger
    error = standard_error(differences)
    if error == 0:
        return 0.0 if inside > 0 else 1.0
    return float(t.sf(inside / error, len(differences) - 1))
