"""Combiners: rules that turn the experts' next-token distributions into one.

Shape suffixes: T experts, V vocabulary; `...` is any batch and position. Everything is a
log-probability in float32. Add a combiner by writing one function and naming it in `COMBINERS`
(and in `settings.FixedCombiner`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from ensemble_core.settings import FixedCombiner

Combiner: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(log_probs [T, ..., V], weights [T] of sum 1) → combined log-probs [..., V]; T is at least 2."""

VOTE_SMOOTHING = 1e-3
"""The share of `mean` that is mixed into `vote`. It bounds the nll (a token without a vote costs
log 1000 = 6.9 nats more than under `mean`) and settles ties; a lead below it counts as a tie."""


def combine(log_probs: Tensor, weights: Sequence[float] | Tensor, rule: FixedCombiner) -> Tensor:
    """Combine the experts' next-token distributions.

    One expert alone is itself under every rule, to the bit.

    Args:
        log_probs: Normalised log-probabilities of the T experts, shape [T, ..., V].
        weights: α of each expert, shape [T], not negative; scaled to sum 1 here.
        rule: A name in `COMBINERS`.

    Returns:
        Normalised log-probabilities in float32, shape [..., V].

    Raises:
        ValueError: The rule is unknown, or weights do not fit the experts or are not a measure.
    """
    log_probs = log_probs.float()
    normalised = normalise_weights(weights, n_experts=log_probs.shape[0])
    if rule not in COMBINERS:
        raise ValueError(f"no combiner is named {rule!r}; there are {', '.join(COMBINERS)}")
    if log_probs.shape[0] == 1:
        return log_probs[0]
    return COMBINERS[rule](log_probs, normalised.to(log_probs))


def normalise_weights(weights: Sequence[float] | Tensor, n_experts: int) -> Tensor:
    """Scale the experts' weights to sum 1, in float64, shape [T].

    Raises:
        ValueError: There is not one finite weight ≥ 0 per expert, or all are 0.
    """
    values = torch.as_tensor(weights, dtype=torch.float64)
    if values.shape != (n_experts,):
        raise ValueError(f"{n_experts} experts need as many weights, not {tuple(values.shape)}")
    if not bool(torch.isfinite(values).all()) or bool((values < 0).any()) or values.sum() <= 0:
        raise ValueError("expert weights must be finite, not negative, and at least one above 0")
    return values / values.sum()


def mean(log_probs: Tensor, weights: Tensor) -> Tensor:
    """Σ a_t p_t, the paper's rule (arXiv 2410.04571)."""
    return torch.logsumexp(log_probs + _per_expert(weights.log(), log_probs), dim=0)


def product(log_probs: Tensor, weights: Tensor) -> Tensor:
    """softmax(Σ a_t log p_t): the logarithmic opinion pool (Hinton 2002, "Products of experts").

    A probability of exactly 0 is a veto, except where the experts veto every token.
    """
    finite = log_probs.clamp_min(torch.finfo(log_probs.dtype).min / 2)
    return torch.log_softmax((finite * _per_expert(weights, log_probs)).sum(dim=0), dim=-1)


def vote(log_probs: Tensor, weights: Tensor) -> Tensor:
    """Σ a_t 1[argmax p_t], smoothed by `VOTE_SMOOTHING` of `mean`."""
    votes = torch.zeros_like(log_probs[0])
    for expert, weight in zip(log_probs, weights, strict=True):
        favourite = expert.argmax(dim=-1, keepdim=True)
        votes.scatter_add_(-1, favourite, weight.expand(favourite.shape))
    # In logs: what only the smoothing gives may be too small for a float32 probability.
    smoothing = mean(log_probs, weights) + math.log(VOTE_SMOOTHING)
    return torch.logaddexp(votes.log() + math.log(1 - VOTE_SMOOTHING), smoothing)


def uniform(log_probs: Tensor, weights: Tensor) -> Tensor:
    """The plain mean of the probabilities, whatever the weights; bagging's rule."""
    return mean(log_probs, torch.full_like(weights, 1 / len(weights)))


def _per_expert(weights: Tensor, log_probs: Tensor) -> Tensor:
    return weights.reshape(-1, *[1] * (log_probs.dim() - 1))


COMBINERS: Mapping[FixedCombiner, Combiner] = {
    "mean": mean,
    "product": product,
    "vote": vote,
    "uniform": uniform,
}
"""Every combiner by its name in sweep files."""
