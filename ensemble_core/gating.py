"""The learned combiner: a gate that weighs the experts anew at every token.

w_t = softmax_t(log a_t + g(f_t)), combined p = Σ w_t p_t: a mixture of experts (Jacobs et al. 1991)
over frozen experts. One small network g reads, for each expert, a few features f_t of what it
expects there, so it knows nothing of the vocabulary, takes any number of experts, and does not
care in which order they stand. Before it is trained g is 0 and the gate is the combiner `mean`.

Shape suffixes: T experts, V vocabulary, F features; `...` is any batch and position.
"""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

GATE = "gate"
"""The combiner's name in sweep files."""
FEATURES = ("entropy", "confidence", "margin", "surprise", "agrees")
"""Of one expert at one position: entropy over log V; its largest probability; that less the second
largest; KL(p_t ‖ mean); whether its likeliest token is the mean's."""
MIN_QUESTIONS = 50
"""Validation questions below which a gate is not trained: it would learn their noise."""
_HIDDEN = 16
_STEPS, _PATIENCE, _RATE, _DECAY = 300, 30, 0.02, 1e-3


class Gate(nn.Module):
    """g: features of one expert → its score; two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(len(FEATURES), _HIDDEN)
        self.score = nn.Linear(_HIDDEN, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, log_probs: Tensor, weights: Tensor) -> Tensor:
        """Combine [T, ..., V] log-probabilities under prior weights a [T] of sum 1: [..., V]."""
        if log_probs.shape[0] == 1:
            return log_probs[0]
        mixed = self.log_weights(features(log_probs, weights), weights)
        return torch.logsumexp(log_probs + mixed.unsqueeze(-1), dim=0)

    def log_weights(self, seen: Tensor, weights: Tensor) -> Tensor:
        """log w of each expert, [T, ...], from its features [T, ..., F]."""
        given = seen.to(self.hidden.weight.dtype)  # a model in bf16 has its gate in bf16
        scores = self.score(torch.tanh(self.hidden(given))).squeeze(-1).float()
        prior = weights.log().reshape(-1, *[1] * (scores.dim() - 1))
        return torch.log_softmax(scores + prior, dim=0)


def features(log_probs: Tensor, weights: Tensor) -> Tensor:
    """What the gate sees of each expert, [T, ..., F], see `FEATURES`.

    Args:
        log_probs: Normalised, shape [T, ..., V].
        weights: a, of sum 1, shape [T].
    """
    prior = weights.log().reshape(-1, *[1] * (log_probs.dim() - 1))
    mean = torch.logsumexp(log_probs + prior, dim=0)
    probs = log_probs.exp()
    best = log_probs.topk(2, dim=-1)
    top = best.values.exp()
    surprise = (probs * (log_probs - mean).clamp_min(-50)).sum(dim=-1)
    entropy = -(probs * log_probs.clamp_min(-50)).sum(dim=-1) / math.log(log_probs.shape[-1])
    agrees = (best.indices[..., 0] == mean.argmax(dim=-1)).to(log_probs)
    return torch.stack([entropy, top[..., 0], top[..., 0] - top[..., 1], surprise, agrees], dim=-1)


@dataclass(frozen=True)
class GateFit:
    """A trained gate, and what came of it."""

    gate: Gate
    before: float
    """nll of `mean` on the held-out share of the validation questions, nats per token."""
    after: float
    """The same under the gate; never above `before`, since no step is a step too."""
    steps: int
    """Steps after which it was best."""
    tokens: int
    seconds: float


def fit_gate(
    seen: Tensor, truth: Tensor, question: Tensor, weights: Tensor, *, seed: int
) -> GateFit:
    """Train a gate on validation tokens: least nll of the combined distribution.

    Four fifths of the questions train it (Adam, small weight decay); the step at which the last
    fifth is best is kept, so a gate that has nothing to add stays the combiner `mean`.

    Args:
        seen: Features of the T experts at N tokens, shape [T, N, F].
        truth: Their log-probabilities of the true tokens, shape [T, N].
        question: The question that each token belongs to, shape [N].
        weights: a, of sum 1, shape [T].
        seed: Decides the initial weights and the held-out questions.

    Raises:
        ValueError: There are fewer than `MIN_QUESTIONS` questions.
    """
    started = time.perf_counter()
    ids = question.unique()
    if len(ids) < MIN_QUESTIONS:
        raise ValueError(f"a gate needs {MIN_QUESTIONS} validation questions, not {len(ids)}")
    generator = torch.Generator().manual_seed(seed)
    held = ids[torch.randperm(len(ids), generator=generator)[: len(ids) // 5]]
    out = torch.isin(question, held)
    gate = _new_gate(generator)
    before, after, steps = _descend(gate, (seen, truth, weights), out)
    seconds = time.perf_counter() - started
    return GateFit(gate, before, after, steps, len(question), seconds)


def _new_gate(generator: torch.Generator) -> Gate:
    gate = Gate()
    nn.init.normal_(gate.hidden.weight, std=1.0, generator=generator)
    nn.init.normal_(gate.hidden.bias, std=0.5, generator=generator)
    return gate


def _descend(
    gate: Gate, data: tuple[Tensor, Tensor, Tensor], out: Tensor
) -> tuple[float, float, int]:
    """Train in place; nll held out before and at the best step, and which step that was."""
    optimizer = torch.optim.AdamW(gate.parameters(), lr=_RATE, weight_decay=_DECAY)
    before = best = float(_nll(gate, data, out).detach())
    kept, at = {name: value.clone() for name, value in gate.state_dict().items()}, 0
    for step in range(1, _STEPS + 1):
        optimizer.zero_grad()
        _nll(gate, data, ~out).backward()
        optimizer.step()
        with torch.no_grad():
            now = float(_nll(gate, data, out))
        if now < best:
            best, at = now, step
            kept = {name: value.clone() for name, value in gate.state_dict().items()}
        if step - at >= _PATIENCE:
            break
    gate.load_state_dict(kept)
    return before, best, at


def _nll(gate: Gate, data: tuple[Tensor, Tensor, Tensor], which: Tensor) -> Tensor:
    """Mean nll in nats of the true tokens that `which` [N] marks."""
    seen, truth, weights = data
    mixed = gate.log_weights(seen[:, which], weights)
    return -torch.logsumexp(truth[:, which] + mixed, dim=0).mean()
