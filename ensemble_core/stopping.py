"""How many experts to use: chosen on validation data, and what choosing on test data would hide."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

StoppingRule = Literal["best", "one_standard_error"]


@dataclass(frozen=True)
class Optimism:
    """One seed's test score at the count chosen on validation data, beside the best over counts."""

    chosen: int
    """The count that the rule chose, from 1."""
    best: int
    """The first count with the best test score, from 1; for comparison only."""
    at_chosen: float
    """The score to report."""
    at_best: float

    @property
    def difference(self) -> float:
        """How much "the best round on the test set" flatters the method; never below 0."""
        return self.at_best - self.at_chosen


def choose_count(
    validation: Sequence[float],
    standard_errors: Sequence[float] | None = None,
    rule: StoppingRule = "best",
) -> int:
    """Choose how many of T experts to use, from the validation scores of all prefixes.

    - `best`: the first maximum.
    - `one_standard_error`: the smallest count whose score is within one standard error, that of
      the first maximum, below it (Breiman et al. 1984, "Classification and regression trees",
      section 3.4.3).

    Args:
        validation: The score of the first t experts, t = 1..T, shape [T]; larger is better (pass
            a loss negated).
        standard_errors: Of each score, shape [T]; `best` does not need them.
        rule: Which.

    Returns:
        The count, from 1.

    Raises:
        ValueError: There is no score, a value is not finite, a standard error is negative or
            missing, or shapes differ.
    """
    scores = _scores(validation)
    best = int(scores.argmax())
    if rule == "best":
        return best + 1
    if standard_errors is None:
        raise ValueError("the rule one_standard_error needs standard errors")
    errors = _scores(standard_errors)
    if errors.shape != scores.shape or (errors < 0).any():
        raise ValueError("each score needs a standard error that is not negative")
    # A hair wider, so that a score at exactly one standard error is not lost to rounding.
    within = scores[best] - scores <= errors[best] * (1 + 1e-9)
    return int(within.argmax()) + 1


def optimism(
    validation: Sequence[float],
    test: Sequence[float],
    standard_errors: Sequence[float] | None = None,
    rule: StoppingRule = "best",
) -> Optimism:
    """What reporting the best round on test data would add, for one seed.

    Args:
        validation: Scores of all prefixes on validation data, shape [T]; larger is better.
        test: The same on test data, shape [T].
        standard_errors: Of the validation scores; see `choose_count`.
        rule: How the count is chosen on validation data.

    Raises:
        ValueError: Shapes differ, or as `choose_count`.
    """
    chosen = choose_count(validation, standard_errors, rule)
    scores = _scores(test)
    if len(scores) != len(validation):
        raise ValueError(f"{len(validation)} validation scores, but {len(scores)} test scores")
    best = int(scores.argmax())
    return Optimism(chosen, best + 1, float(scores[chosen - 1]), float(scores[best]))


def _scores(values: Sequence[float]) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"expected one value per count, not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("a value is not finite")
    return array
