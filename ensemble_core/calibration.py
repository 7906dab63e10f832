"""Reliability: how often predictions come true, by how sure they are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble_core.metrics import checked_confidence, equal_width_bin

Spacing = Literal["width", "mass"]


@dataclass(frozen=True)
class ReliabilityBin:
    """The predictions with a confidence in (low, high]; the first bin includes its low."""

    low: float
    high: float
    n: int
    """Predictions inside, at least 1."""
    confidence: float
    """Mean confidence."""
    accuracy: float
    """Share of right predictions."""
    accuracy_low: float
    accuracy_high: float
    """Wilson's 95 % interval. It takes predictions for independent: for the tokens of one answer
    it is too narrow."""


def reliability_bins(
    confidence: ArrayLike, correct: ArrayLike, bins: int = 15, spacing: Spacing = "width"
) -> list[ReliabilityBin]:
    """Sort predictions into bins of confidence; empty bins are left out.

    Args:
        confidence: The probability given to the predicted token, in [0, 1], shape [N].
        correct: Whether that prediction is right, shape [N].
        bins: Number of bins, at most.
        spacing: `width`, bins of equal width (those of `metrics.expected_calibration_error`), or
            `mass`, bins of about equal n (Nguyen & O'Connor 2015), cut at quantiles. Equal
            confidences share a bin, so with many of them there are fewer and unequal bins.

    Raises:
        ValueError: Shapes differ, there is no value, or a confidence is outside [0, 1].
    """
    sure, right = checked_confidence(confidence, correct, bins)
    if spacing == "width":
        index, edges = equal_width_bin(sure, bins), np.arange(bins + 1) / bins
    else:
        index, edges = _equal_mass_bin(sure, bins)
    members = [(int(b), index == b) for b in np.unique(index)]
    return [
        _bin(float(edges[b]), float(edges[b + 1]), sure[inside], right[inside])
        for b, inside in members
    ]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Σ n · |accuracy - confidence| / N over the bins.

    With bins of equal width it is `metrics.expected_calibration_error`; with bins of equal mass,
    the adaptive form (Nixon et al. 2019, with the predicted class alone).
    """
    gaps = sum(b.n * abs(b.accuracy - b.confidence) for b in bins)
    return gaps / sum(b.n for b in bins)


def wilson_interval(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of a proportion (Wilson 1927); inside [0, 1] and of some width even at 0 and 1.

    Raises:
        ValueError: There are not 0 to n successes out of at least 1, or the level is out of range.
    """
    if not (0 <= successes <= n and n >= 1 and 0 < level < 1):
        raise ValueError(f"not a proportion or a level: {successes} of {n}, {level}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, shrink = successes / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / shrink
    half = z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2) / shrink
    return max(0.0, centre - half), min(1.0, centre + half)


def _bin(
    low: float, high: float, sure: NDArray[np.float64], right: NDArray[np.float64]
) -> ReliabilityBin:
    interval = wilson_interval(int(right.sum()), len(right))
    return ReliabilityBin(low, high, len(sure), float(sure.mean()), float(right.mean()), *interval)


def _equal_mass_bin(
    sure: NDArray[np.float64], bins: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Each value's bin, and the bins' edges: observed values, the lowest first."""
    shares = np.arange(1, bins + 1) / bins
    highs = np.unique(np.quantile(sure, shares, method="inverted_cdf"))
    return np.searchsorted(highs, sure, side="left"), np.concatenate([[sure.min()], highs])
