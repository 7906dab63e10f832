"""Multi-class AdaBoost over tokens: pure functions of arrays.

The rule is SAMME (Zhu, Zou, Rosset & Hastie 2009, "Multi-class AdaBoost") as EnsemW2S
(arXiv 2410.04571) carries it to tokens: a sample is one answer token under teacher forcing.

Shapes: N is the number of answer tokens of the labelled set, in the order of the data.
"""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble_core.settings import Unit

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.int64]

ERROR_MARGIN = 1e-6
"""Errors are kept this far from 0 and from 1, so that no expert weight is infinite (|α| < 28)."""


def expert_weight(error: float, reference_error: float) -> float:
    """Weigh an expert: α = log((1-ε)/ε) + log(1/(1-ε_pre) - 1).

    The paper writes the second term as log(1/(1-ε) - 1). That its ε is the error of the
    *pretrained* weak model is our reading: a model that guesses among K classes has
    ε_pre = 1 - 1/K, which makes the term SAMME's log(K-1). Hence α > 0 exactly where ε < ε_pre.
    For classification, pass `guessing_error(K)`.

    Args:
        error: ε, the expert's weighted error, in [0, 1].
        reference_error: ε_pre, the pretrained model's uniform error on the same units, in [0, 1].

    Raises:
        ValueError: An error is NaN or outside [0, 1].
    """
    return _log_odds(clamp_error(reference_error)) - _log_odds(clamp_error(error))


def clamp_error(error: float) -> float:
    """Keep an error rate at least `ERROR_MARGIN` away from 0 and from 1.

    Raises:
        ValueError: The error is NaN or outside [0, 1].
    """
    if not 0.0 <= error <= 1.0:  # false for NaN too
        raise ValueError(f"an error rate lies between 0 and 1, not {error}")
    if error < ERROR_MARGIN:  # a flawless expert would otherwise silence all the others
        return ERROR_MARGIN
    if error > 1.0 - ERROR_MARGIN:  # an expert that is always wrong
        return 1.0 - ERROR_MARGIN
    return error


def guessing_error(classes: int) -> float:
    """The error of a guess among K classes, 1 - 1/K; SAMME's reference.

    Raises:
        ValueError: Fewer than two classes.
    """
    if classes < 2:
        raise ValueError(f"classification needs at least two classes, not {classes}")
    return 1.0 - 1.0 / classes


def is_accepted(alpha: float) -> bool:
    """Whether an expert enters the ensemble: it must beat the reference, α > 0."""
    return alpha > 0.0


def weighted_error(weights: ArrayLike, wrong: ArrayLike) -> float:
    """The share of the weight that lies on wrong tokens: ε = Σ D(i)·1[wrong] / Σ D(i).

    Args:
        weights: Weights of the tokens, shape [N], not negative; any scale.
        wrong: Whether each token (or its unit) is wrong, shape [N].

    Raises:
        ValueError: Shapes differ, or the weights are not a finite, positive measure.
    """
    checked, mask = _checked(weights, wrong)
    # A sum of parts can exceed the sum of all by a rounding error.
    return min(1.0, float(checked[mask].sum() / checked.sum()))


def update_weights(weights: ArrayLike, wrong: ArrayLike, alpha: float) -> FloatArray:
    """Reweigh the tokens: D'(i) ∝ D(i)·exp(α·1[wrong]).

    Args:
        weights: Weights of the tokens, shape [N], not negative; any scale.
        wrong: Whether each token (or its unit) is wrong, shape [N].
        alpha: The expert's weight; the caller leaves out rejected experts.

    Returns:
        Weights of sum 1, shape [N].

    Raises:
        ValueError: Shapes differ, α is not finite, or the weights are not a finite measure.
    """
    checked, mask = _checked(weights, wrong)
    with np.errstate(divide="ignore"):  # a weight of 0 stays 0
        log_weights = np.log(checked)
    return np.exp(update_log_weights(log_weights, mask, alpha))


def update_log_weights(log_weights: ArrayLike, wrong: ArrayLike, alpha: float) -> FloatArray:
    """`update_weights` in logs, where nothing overflows or vanishes over hundreds of rounds.

    Args:
        log_weights: log D, shape [N]; -inf marks a weight of 0.
        wrong: Whether each token (or its unit) is wrong, shape [N].
        alpha: The expert's weight.

    Returns:
        log D', normalised so that Σ exp = 1, shape [N].

    Raises:
        ValueError: Shapes differ, α is not finite, or the weights are not a finite measure.
    """
    logs, mask = np.asarray(log_weights, dtype=np.float64), np.asarray(wrong, dtype=np.bool_)
    _check_same_length(logs, mask)
    if not math.isfinite(alpha):
        raise ValueError(f"an expert's weight must be finite, not {alpha}")
    return normalise_log_weights(logs + alpha * mask)


def cap_log_weights(log_weights: ArrayLike, cap: float) -> FloatArray:
    """Let no weight exceed `cap` times the mean; the others keep their proportions.

    A token that stays wrong because its label is wrong would else draw all the weight: AdaBoost's
    known weakness under label noise (Dietterich 2000; MadaBoost caps at the first weight, Domingo
    & Watanabe 2000).

    Args:
        log_weights: log D, shape [N].
        cap: At least 1; with 1 all weights are equal.

    Returns:
        log D', normalised so that Σ exp = 1, shape [N].

    Raises:
        ValueError: The cap is below 1, or the weights are not a finite measure.
    """
    if not cap >= 1:
        raise ValueError(f"a cap below the mean weight can't be kept: {cap}")
    logs = normalise_log_weights(np.asarray(log_weights, dtype=np.float64))
    highest = math.log(cap) - math.log(len(logs))
    capped = np.zeros(len(logs), dtype=np.bool_)
    while (over := ~capped & (logs > highest + 1e-12)).any():
        capped |= over
        logs[capped] = highest
        left = 1.0 - math.exp(highest) * capped.sum()
        if capped.all() or left <= 0:
            return np.full(len(logs), -math.log(len(logs)))
        logs[~capped] = normalise_log_weights(logs[~capped]) + math.log(left)
    return logs


def normalise_log_weights(log_weights: FloatArray) -> FloatArray:
    """Shift log weights so that Σ exp = 1.

    Raises:
        ValueError: There is none, one is NaN or +inf, or all are -inf.
    """
    if log_weights.size == 0:
        raise ValueError("there are no tokens to weigh")
    largest = log_weights.max()  # NaN if any is
    if not np.isfinite(largest):
        raise ValueError("the weights must be finite, and at least one above 0")
    return log_weights - (largest + np.log(np.exp(log_weights - largest).sum()))


def unit_wrong(
    wrong: ArrayLike, example: ArrayLike, unit: Unit, window: int | None = None
) -> BoolArray:
    """Spread errors over the unit that is reweighed: it is wrong when any of its tokens is.

    A window covers n consecutive answer tokens of one example, counted from the answer's first;
    the last one may be shorter.

    Args:
        wrong: Whether each answer token is wrong, shape [N].
        example: The example that each token belongs to, shape [N], each answer in order.
        unit: token, window or sample.
        window: Tokens per window; with `unit="window"` only.

    Returns:
        Whether each token's unit is wrong, shape [N].

    Raises:
        ValueError: Shapes differ, the unit is unknown, or `window` does not go with it.
    """
    mask, owner = np.asarray(wrong, dtype=np.bool_), np.asarray(example, dtype=np.int64)
    _check_same_length(mask, owner)
    if (unit == "window") != (window is not None):
        raise ValueError("`window` is needed with the unit `window`, and only there")
    if unit == "token":
        return mask.copy()
    if unit == "sample":
        return _any_of_group(mask, owner)
    if unit == "window" and window is not None and window >= 1:
        place = position_in_group(owner) // window
        return _any_of_group(mask, owner * (int(place.max(initial=0)) + 1) + place)
    raise ValueError(f"no such unit: {unit!r} with window {window}")


def position_in_group(group: IntArray) -> IntArray:
    """Count each element's earlier elements of the same group; shape [N] in and out."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    first = np.searchsorted(ordered, ordered)  # where each element's group begins
    position = np.empty_like(group)
    position[order] = np.arange(len(group)) - first
    return position


def _any_of_group(mask: BoolArray, group: IntArray) -> BoolArray:
    _, index = np.unique(group, return_inverse=True)
    return (np.bincount(index, weights=mask) > 0)[index]


def _log_odds(probability: float) -> float:
    return math.log(probability) - math.log1p(-probability)


def _checked(weights: ArrayLike, wrong: ArrayLike) -> tuple[FloatArray, BoolArray]:
    checked, mask = np.asarray(weights, dtype=np.float64), np.asarray(wrong, dtype=np.bool_)
    _check_same_length(checked, mask)
    if not np.isfinite(checked).all() or (checked < 0).any() or checked.sum() <= 0:
        raise ValueError("the weights must be finite, not negative, and at least one above 0")
    return checked, mask


def _check_same_length(first: NDArray[np.generic], second: NDArray[np.generic]) -> None:
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(
            f"expected two flat arrays of one length, got {first.shape}, {second.shape}"
        )
