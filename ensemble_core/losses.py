"""Losses of a token, by name, so that adding one is one function.

Shape suffixes: n answer tokens of a batch, V vocabulary (for a class head its K classes), k kept
entries of a soft target.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ensemble_core.errors import InputError

CONFIDENCE_WARMUP = 0.2
"""Share of the training over which the confidence term grows to its full weight."""


@dataclass(frozen=True)
class Targets:
    """What a batch's tokens should be: the token ids [n] and, with soft labels, distributions."""

    tokens: Tensor
    indices: Tensor | None = None
    log_probs: Tensor | None = None
    progress: float = 1.0
    """Share of the training's steps that are done, in [0, 1]."""


Loss = Callable[[Tensor, Targets], Tensor]
"""(logits [n, V], targets) -> the loss of each token in nats, [n]."""


def cross_entropy(logits: Tensor, targets: Targets) -> Tensor:
    """-log q(y), or, with soft targets, -Σ_k p(k) log q(k) (Hinton et al. 2015, at temperature 1).

    p is renormalised over the k entries that were kept; the mass that was cut off is ignored.
    """
    if targets.indices is None or targets.log_probs is None:
        return torch.nn.functional.cross_entropy(logits, targets.tokens, reduction="none")
    wanted = targets.log_probs.softmax(dim=-1)
    given = logits.log_softmax(dim=-1).gather(-1, targets.indices)
    return -(wanted * given).sum(dim=-1)


def confidence(logits: Tensor, targets: Targets, *, weight: float = 0.5) -> Tensor:
    """(1 - a)·CE(f, weak label) + a·CE(f, f̂), with f̂ the model's own prediction, hardened.

    The auxiliary confidence loss of Burns et al. 2023 (arXiv 2312.09390, section 4.3 and appendix
    A.4), which lets a student disagree with its weak labels once it is sure. f̂ is a constant: no
    gradient flows through it. With two classes it is 1[f > t], with the threshold t such that f̂
    has the class balance of the weak labels; with more, and for tokens, it is the argmax.

    a rises linearly from 0 to `weight` over the first 20 % of the steps, as the paper says (the
    authors' released code instead lets a be weight · progress up to 10 %, then jumps to `weight`).

    The threshold is that of the examples given here: in training, one worker's micro-batch. The
    smaller it is, the coarser the balance; with one example f̂ is its weak label.

    Args:
        logits: [n, V].
        targets: The weak labels, hard or soft.
        weight: a_max, in [0, 1]; the paper takes 0.75 for its largest students, else 0.5.
    """
    share = weight * min(1.0, targets.progress / CONFIDENCE_WARMUP)
    own = torch.nn.functional.cross_entropy(logits, _hardened(logits, targets), reduction="none")
    return (1.0 - share) * cross_entropy(logits, targets) + share * own


LOSSES: dict[str, Callable[[float], Loss]] = {
    "cross_entropy": lambda _: cross_entropy,
    "confidence": lambda weight: partial(confidence, weight=weight),
}
"""Name → what makes the loss of the confidence weight."""


def find_loss(name: str, confidence_weight: float = 0.5) -> Loss:
    """The loss with this name; the weight, in [0, 1], is for `confidence`.

    Raises:
        InputError: There is none, or the weight is out of range.
    """
    if name not in LOSSES:
        raise InputError(f"no loss is named {name!r}", hint=f"take one of {', '.join(LOSSES)}")
    if not 0.0 <= confidence_weight <= 1.0:
        raise InputError(f"the confidence weight lies between 0 and 1, not {confidence_weight}")
    return LOSSES[name](confidence_weight)


@torch.no_grad()
def _hardened(logits: Tensor, targets: Targets) -> Tensor:
    """The class or token that the model's own prediction is taken for, [n]."""
    if logits.shape[-1] != 2:
        return logits.argmax(dim=-1)
    surest_first = (logits[:, 1] - logits[:, 0]).argsort(descending=True, stable=True)
    rank = surest_first.argsort()
    return (rank < _weight_of_class_1(targets).round()).long()


def _weight_of_class_1(targets: Targets) -> Tensor:
    """How many of the weak labels are class 1; soft ones count by their probability."""
    if targets.indices is None or targets.log_probs is None:
        return targets.tokens.sum().float()
    return (targets.log_probs.softmax(dim=-1) * targets.indices).sum()
