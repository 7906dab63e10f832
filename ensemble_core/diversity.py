"""How experts differ, and what their differences are worth: pure functions of arrays.

Shape suffixes: T experts, N items (questions or answer tokens).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble_core.combining import normalise_weights

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairwiseMean:
    """A measure of two experts, averaged over all pairs of them."""

    value: float | None
    """The mean over the pairs for which the measure is defined; None where there are none."""
    pairs: int
    """T(T-1)/2."""
    undefined: int
    """Pairs left out of the mean."""


@dataclass(frozen=True)
class Decomposition:
    """ensemble = member - ambiguity, each a mean over N items."""

    member: float
    """Σ a_t · (the loss of expert t): what one expert, drawn by weight, loses."""
    ambiguity: float
    """What combining gains."""
    ensemble: float
    """The loss of the combined prediction."""


def disagreement(predicted: ArrayLike) -> PairwiseMean:
    """The share of items on which two experts differ.

    Of predictions, shape [T, N], integers or strings. Of correctness it is the disagreement
    measure of Skalak 1996 and Kuncheva & Whitaker 2003, (N01 + N10) / N; two wrong predictions
    that differ then count as agreement.

    Raises:
        ValueError: The array is not [T, N] with T and N at least 1.
    """
    return _over_pairs(_table(predicted), lambda first, second: float((first != second).mean()))


def double_fault(correct: ArrayLike) -> PairwiseMean:
    """The share of items that two experts both get wrong, N00 / N (Giacinto & Roli 2001).

    Args:
        correct: Whether expert t is right on item i, shape [T, N].

    Raises:
        ValueError: As `disagreement`.
    """
    wrong = ~_table(correct).astype(bool)
    return _over_pairs(wrong, lambda first, second: float((first & second).mean()))


def error_correlation(correct: ArrayLike) -> PairwiseMean:
    """Pearson's correlation of two experts' errors, the ρ of Kuncheva & Whitaker 2003.

    It is 1 for experts that err on the same items, 0 for independent ones. A pair in which one
    expert is always right or always wrong has none: it is left out, and counted.

    Args:
        correct: Whether expert t is right on item i, shape [T, N].

    Raises:
        ValueError: As `disagreement`.
    """
    return _over_pairs(~_table(correct).astype(bool), _correlation)


def squared_error_decomposition(log_probs: ArrayLike, weights: Sequence[float]) -> Decomposition:
    """The ambiguity decomposition (Krogh & Vedelsby 1995) under the combiner `mean`.

    With p_t the probability of the true token and p = Σ a_t p_t:
    (1 - p)² = Σ a_t (1 - p_t)² - Σ a_t (p_t - p)².

    Args:
        log_probs: Each expert's log-probability of the true token in nats, shape [T, N].
        weights: α of each expert, shape [T], not negative; scaled to sum 1 here.

    Raises:
        ValueError: A value is not finite, shapes do not fit, or weights are not a measure.
    """
    probs = np.exp(_finite_table(log_probs))
    shares = _shares(weights, len(probs))
    combined = shares @ probs
    return Decomposition(
        member=float((shares @ (1 - probs) ** 2).mean()),
        ambiguity=float((shares @ (probs - combined) ** 2).mean()),
        ensemble=float(((1 - combined) ** 2).mean()),
    )


def log_loss_decomposition(
    log_probs: ArrayLike, combined: ArrayLike, weights: Sequence[float]
) -> Decomposition:
    """What combining gains in log loss, under any combiner: Σ a_t nll_t - nll, in nats.

    Under `mean` the gain on one item is Jensen's gap, `mean_ambiguity`: at least 0, but it depends
    on the true token. Under `product` it is `product_ambiguity`: at least 0 and the same whatever
    the true token (Heskes 1998; both in Wood et al. 2023, "A unified theory of diversity in
    ensemble learning"). Under `vote` it may be negative.

    Args:
        log_probs: Each expert's log-probability of the true token in nats, shape [T, N].
        combined: The ensemble's, shape [N].
        weights: α of each expert, shape [T], not negative; scaled to sum 1 here.

    Raises:
        ValueError: As `squared_error_decomposition`.
    """
    members = _finite_table(log_probs)
    ensemble = _finite(combined)
    if ensemble.shape != members[0].shape:
        raise ValueError(f"shapes do not fit: {members.shape}, {ensemble.shape}")
    gain = ensemble - _shares(weights, len(members)) @ members
    loss, ambiguity = -float(ensemble.mean()), float(gain.mean())
    return Decomposition(loss + ambiguity, ambiguity, loss)


def mean_ambiguity(log_probs: ArrayLike, weights: Sequence[float]) -> Floats:
    """Σ a_t nll_t less the nll of the combiner `mean`, on each item, in nats, shape [N].

    log Σ a_t p_t - Σ a_t log p_t = KL(a ‖ r) ≥ 0, where r_t = a_t p_t / Σ a_s p_s is how much
    expert t answers for the true token.

    Args:
        log_probs: Each expert's log-probability of the true token in nats, shape [T, N].
        weights: α of each expert, shape [T], not negative; scaled to sum 1 here.

    Raises:
        ValueError: As `squared_error_decomposition`.
    """
    members = _finite_table(log_probs)
    shares = _shares(weights, len(members))
    peak = members.max(axis=0)  # so that exp neither overflows nor loses all
    return peak + np.log(shares @ np.exp(members - peak)) - shares @ members


def product_ambiguity(log_probs: ArrayLike, weights: Sequence[float]) -> Floats:
    """Σ a_t nll_t less the nll of the combiner `product`, on each item, in nats, shape [...].

    With p ∝ Π p_t^a_t it is Σ a_t KL(p ‖ p_t) = -log Σ_v Π p_t(v)^a_t ≥ 0 (Heskes 1998), computed
    here in the first form.

    Args:
        log_probs: Each expert's whole distribution, normalised, in nats, shape [T, ..., V]; pass
            a large set in batches.
        weights: α of each expert, shape [T], not negative; scaled to sum 1 here.

    Raises:
        ValueError: As `squared_error_decomposition`.
    """
    members = _finite(log_probs)
    shares = _shares(weights, len(members))
    pooled = np.average(members, axis=0, weights=shares)
    peak = pooled.max(axis=-1, keepdims=True)
    pooled = pooled - peak - np.log(np.exp(pooled - peak).sum(axis=-1, keepdims=True))
    divergences = (np.exp(pooled) * (pooled - members)).sum(axis=-1)
    return np.average(divergences, axis=0, weights=shares)


def _over_pairs(
    rows: NDArray[Any], measure: Callable[[NDArray[Any], NDArray[Any]], float | None]
) -> PairwiseMean:
    found = [measure(first, second) for first, second in combinations(rows, 2)]
    defined = [value for value in found if value is not None]
    value = sum(defined) / len(defined) if defined else None
    return PairwiseMean(value, len(found), len(found) - len(defined))


def _correlation(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float | None:
    p, q = float(first.mean()), float(second.mean())
    variance = p * (1 - p) * q * (1 - q)
    if variance == 0:  # exactly, since the mean of equal booleans is exactly 0 or 1
        return None
    return (float((first & second).mean()) - p * q) / variance**0.5


def _table(values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"expected experts by items, [T, N], not {array.shape}")
    return array


def _finite_table(values: ArrayLike) -> Floats:
    return _finite(_table(values))


def _finite(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError("a log-probability is not finite")
    return array


def _shares(weights: Sequence[float], n_experts: int) -> Floats:
    return normalise_weights(weights, n_experts).numpy()
