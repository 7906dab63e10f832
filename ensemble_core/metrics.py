"""Metrics and their uncertainty: pure functions of numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval; both bounds are None where n is 1."""

    mean: float
    low: float | None
    high: float | None
    n: int
    """Values that the mean is over."""

    @property
    def half_width(self) -> float | None:
        """What stands after the ±; None where n is 1."""
        return None if self.high is None else self.high - self.mean


def pgr(floor: float, student: float, ceiling: float) -> float | None:
    """Performance gap recovered, (student - floor) / (ceiling - floor) (Burns et al. 2023).

    Args:
        floor: Accuracy of the first weak expert, in [0, 1].
        student: Accuracy of the student.
        ceiling: Accuracy of the strong model trained on true answers.

    Returns:
        1 where the student reaches the ceiling, 0 at the floor; may lie outside. None, for
        undefined, where there is no gap: ceiling ≤ floor.

    Raises:
        ValueError: An accuracy is not finite.
    """
    if not all(map(math.isfinite, (floor, student, ceiling))):
        raise ValueError(f"accuracies must be finite: {floor}, {student}, {ceiling}")
    if ceiling <= floor:
        return None
    return (student - floor) / (ceiling - floor)


def mean_interval(values: Sequence[float] | ArrayLike, level: float = 0.95) -> Interval:
    """The mean of independent values with Student's t interval.

    Args:
        values: One value per replicate, shape [n].
        level: Coverage, in (0, 1).

    Raises:
        ValueError: There is no value, one is not finite, or the level is out of range.
    """
    array = _finite(values)
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    mean = float(array.mean())
    if len(array) == 1:  # one value says nothing about its spread
        return Interval(mean, None, None, 1)
    half = _student_t(level, len(array) - 1) * standard_error(array)
    return Interval(mean, mean - half, mean + half, len(array))


def paired_difference(
    first: Sequence[float] | ArrayLike, second: Sequence[float] | ArrayLike, level: float = 0.95
) -> Interval:
    """The interval of mean(first - second), paired element by element.

    The elements are seeds (each the accuracy on the same questions), or, within one seed,
    questions (each 0 or 1).

    Raises:
        ValueError: Lengths differ, or as for `mean_interval`.
    """
    left, right = _finite(first), _finite(second)
    if left.shape != right.shape:
        raise ValueError(f"pairs need equal lengths, not {len(left)} and {len(right)}")
    return mean_interval(left - right, level)


def standard_error(values: Sequence[float] | ArrayLike) -> float:
    """Standard error of the mean of independent values (n-1 in the variance); NaN where n is 1.

    Raises:
        ValueError: There is no value, or one is not finite.
    """
    array = _finite(values)
    if len(array) == 1:
        return math.nan
    return float(array.std(ddof=1) / math.sqrt(len(array)))


def proportion_standard_error(proportion: float, n: int) -> float:
    """Standard error of a proportion out of n questions, sqrt(p(1-p)/n).

    Raises:
        ValueError: The proportion is outside [0, 1], or n is below 1.
    """
    if not 0 <= proportion <= 1 or n < 1:
        raise ValueError(f"not a proportion of a count: {proportion} of {n}")
    return math.sqrt(proportion * (1 - proportion) / n)


def clustered_standard_error(values: ArrayLike, cluster: ArrayLike) -> float:
    """Standard error of a mean over values that come in clusters, such as tokens of questions.

    The linearised (sandwich) estimate with the G/(G-1) correction for G clusters: tokens of one
    question are not independent (Miller 2024, "Adding error bars to evals", arXiv 2411.00640).
    With one value per cluster it is `standard_error`; NaN where there is one cluster.

    Args:
        values: Shape [N].
        cluster: The cluster of each value, shape [N].

    Raises:
        ValueError: Shapes differ, there is no value, or one is not finite.
    """
    array, group = _finite(values), np.asarray(cluster)
    if array.shape != group.shape:
        raise ValueError(f"each value needs a cluster: {array.shape}, {group.shape}")
    _, index = np.unique(group, return_inverse=True)
    deviation = np.bincount(index, weights=array - array.mean())
    clusters = len(deviation)
    if clusters == 1:
        return math.nan
    spread = math.sqrt(float((deviation**2).sum()) * clusters / (clusters - 1))
    return spread / len(array)


def expected_calibration_error(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> float:
    """The mean distance between confidence and accuracy over equal-width bins of confidence.

    Naeini et al. 2015; Guo et al. 2017, equation 3. Bins are (low, high], the first includes 0.

    Args:
        confidence: The probability given to the predicted token, in [0, 1], shape [N].
        correct: Whether that prediction is right, shape [N].
        bins: Number of bins.

    Returns:
        A value in [0, 1]; 0 is calibrated.

    Raises:
        ValueError: Shapes differ, there is no value, or a confidence is outside [0, 1].
    """
    sure, right = checked_confidence(confidence, correct, bins)
    # |Σ right - Σ sure| in a bin is its size times the distance between the two means.
    gaps = np.bincount(equal_width_bin(sure, bins), weights=right - sure, minlength=bins)
    return float(np.abs(gaps).sum() / len(sure))


def equal_width_bin(confidence: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Which of the bins (b / bins, (b + 1) / bins], b from 0, each confidence is in; 0 is in 0."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def checked_confidence(
    confidence: ArrayLike, correct: ArrayLike, bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both as arrays of floats, shape [N].

    Raises:
        ValueError: Shapes differ, there is no value or bin, or a confidence is outside [0, 1].
    """
    sure, right = _finite(confidence), np.asarray(correct, dtype=np.float64)
    if sure.shape != right.shape or bins < 1:
        raise ValueError(f"shapes {sure.shape} and {right.shape} with {bins} bins do not fit")
    if (sure < 0).any() or (sure > 1 + 1e-6).any():  # exp of a log-probability may round above 1
        raise ValueError("a confidence lies between 0 and 1")
    return sure, right


def _finite(values: Sequence[float] | ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"expected a flat array with at least one value, not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("a value is not finite")
    return array


def _student_t(level: float, degrees: int) -> float:
    """The two-sided quantile; scipy is imported late, as it is slow to load."""
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, degrees))
