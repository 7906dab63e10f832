"""Losses of a token, by name, so that adding one is one function.

Shape suffixes: n answer tokens of a batch, V vocabulary, k kept entries of a soft target.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ensemble_core.errors import InputError


@dataclass(frozen=True)
class Targets:
    """What a batch's tokens should be: the token ids [n] and, with soft labels, distributions."""

    tokens: Tensor
    indices: Tensor | None = None
    log_probs: Tensor | None = None


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


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy}


def find_loss(name: str) -> Loss:
    """The loss with this name.

    Raises:
        InputError: There is none.
    """
    if name not in LOSSES:
        raise InputError(f"no loss is named {name!r}", hint=f"take one of {', '.join(LOSSES)}")
    return LOSSES[name]
