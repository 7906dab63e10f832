"""Staged evaluation: all prefixes of an ensemble, and its experts, in one pass over the data.

The experts are read once; the first expert, the first two, … all T are combined from what they
said. Memory is that of one batch, [T, n, V].

Shape suffixes: T experts, N answer tokens (n in a batch), V vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from transformers import Cache, DynamicCache

from ensemble_core.combining import Combiner, combine, normalise_weights
from ensemble_core.encoding import TokenDataset
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.errors import InputError
from ensemble_core.gating import FEATURES, features
from ensemble_core.scoring import Ints, TokenScores, check_numbers, predictions
from ensemble_core.settings import FixedCombiner

CombineRule = FixedCombiner | Combiner
"""A combiner by name, or one that was learned."""


@dataclass(frozen=True)
class StagedScores:
    """What `scoring.score_tokens` says of every prefix of an ensemble and of every expert."""

    prefixes: tuple[TokenScores, ...]
    """The first t experts combined, t = 1..T."""
    experts: tuple[TokenScores, ...]
    """Each of the T experts alone; the first is the first prefix."""


@torch.inference_mode()
def score_prefixes(
    ensemble: TokenEnsembleForCausalLM,
    data: TokenDataset,
    *,
    rule: CombineRule | None = None,
    batch_size: int = 64,
    should_stop: Callable[[], bool] | None = None,
) -> StagedScores:
    """Score every answer token with the first t experts, for all t, and with each expert.

    Args:
        ensemble: T experts, in the order of their rounds; each prefix scales their α to sum 1.
        data: The examples.
        rule: How prefixes are combined; default: the ensemble's own combiner.
        batch_size: Examples per forward pass.
        should_stop: Asked before every batch.

    Raises:
        InputError: The first expert's weight is 0, so that the first prefix has no prediction.
        CancelledError: `should_stop` said so.
        DivergedError: An expert's predictions are not numbers.
    """
    alphas = _leading_weights(ensemble)
    rule = rule or ensemble.gate or cast(FixedCombiner, ensemble.config.combiner)
    sizes = [data.n_answer_tokens] * len(alphas)
    staged = StagedScores(tuple(map(_blank, sizes)), tuple(map(_blank, sizes)))
    truth = torch.from_numpy(data.answer_tokens)
    for index, stacked in predictions(StackedExperts(ensemble), data, batch_size, should_stop):
        log_probs, targets = stacked.movedim(1, 0), truth[index].to(stacked.device)
        for t, alone in enumerate(log_probs):
            _enter(staged.experts[t], index, alone, targets)
            together = _combine(log_probs[: t + 1], alphas[: t + 1], rule)
            _enter(staged.prefixes[t], index, together, targets)
    check_numbers(not any(np.isnan(alone.log_probs).any() for alone in staged.experts))
    return staged


@torch.no_grad()
def gate_examples(
    ensemble: TokenEnsembleForCausalLM,
    data: TokenDataset,
    *,
    batch_size: int = 64,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What `gating.fit_gate` learns from: the experts' features and scores of the true tokens.

    Returns:
        Features [T, N, F], log-probabilities of the truth [T, N], the question of each token [N],
        and the experts' weights, of sum 1 [T]; all on the CPU.

    Raises:
        CancelledError: `should_stop`, asked before every batch, said so.
    """
    weights = normalise_weights(ensemble.config.alphas, ensemble.config.n_experts).float()
    shape = (len(weights), data.n_answer_tokens)
    seen, truth = torch.empty(*shape, len(FEATURES)), torch.empty(shape)
    wanted = torch.from_numpy(data.answer_tokens)
    for index, stacked in predictions(StackedExperts(ensemble), data, batch_size, should_stop):
        log_probs = stacked.movedim(1, 0).cpu()
        picked = wanted[index].expand(len(weights), -1).unsqueeze(-1)
        seen[:, index] = features(log_probs, weights)
        truth[:, index] = log_probs.gather(-1, picked).squeeze(-1)
    return seen, truth, torch.from_numpy(data.example), weights


class StackedExperts:
    """The ensemble as a model whose logits are its experts' own, uncombined: [n, T, V].

    What `scoring.predictions` asks of a model, and no more.
    """

    def __init__(self, ensemble: TokenEnsembleForCausalLM) -> None:
        self._ensemble = ensemble

    def logits_at(
        self,
        places: Tensor,
        *,
        use_cache: bool = True,
        past_key_values: Cache | None = None,
        **inputs: Any,
    ) -> tuple[Tensor, Cache | None]:
        """As the ensemble's: log-probabilities [n, T, V], and the cache."""
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache()  # the ensemble gives it its experts' layers
        log_probs = self._ensemble.expert_log_probs(
            past_key_values=past_key_values, places=places, **inputs
        )
        return log_probs.movedim(0, 1), past_key_values

    @property
    def device(self) -> torch.device:
        """Where the batches go."""
        return self._ensemble.device

    @property
    def training(self) -> bool:
        """The ensemble's mode."""
        return self._ensemble.training

    def train(self, mode: bool = True) -> None:
        """Set the ensemble's mode."""
        self._ensemble.train(mode)

    def eval(self) -> None:
        """Set the ensemble to evaluation."""
        self._ensemble.eval()


def _leading_weights(ensemble: TokenEnsembleForCausalLM) -> list[float]:
    """The experts' weights, of which the first must not be 0."""
    alphas = list(ensemble.config.alphas or [])
    if alphas[0] == 0:
        raise InputError(
            "the first expert has no weight, so it is no ensemble of its own",
            where="staged evaluation",
            hint="leave out experts of weight 0",
        )
    return alphas


def _combine(log_probs: Tensor, alphas: list[float], rule: CombineRule) -> Tensor:
    if not callable(rule):
        return combine(log_probs, alphas, rule)
    if len(alphas) == 1:  # itself, under every rule
        return log_probs[0]
    return rule(log_probs, normalise_weights(alphas, len(alphas)).to(log_probs))


def _blank(size: int) -> TokenScores:
    return TokenScores(
        np.empty(size, dtype=np.float32),
        np.empty(size, dtype=np.int64),
        np.empty(size, dtype=np.float32),
    )


def _enter(scores: TokenScores, index: Ints, log_probs: Tensor, targets: Tensor) -> None:
    """Fill in the scores of some answer tokens from normalised log-probabilities [n, V]."""
    best, predicted = log_probs.max(dim=-1)
    given = log_probs.gather(-1, targets[:, None]).squeeze(-1)
    scores.log_probs[index] = given.cpu().numpy()
    scores.predicted[index] = predicted.cpu().numpy()
    scores.confidences[index] = best.exp().cpu().numpy()
