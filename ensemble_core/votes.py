"""What each expert of an ensemble would write at every place of a question's true answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ensemble_core.classification import class_data
from ensemble_core.encoding import TokenDataset, encode
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.models.class_head import is_classifier
from ensemble_core.models.context import context_length
from ensemble_core.scoring import check_numbers, predictions
from ensemble_core.staged import StackedExperts
from ensemble_core.tasks.question import Question


@dataclass(frozen=True)
class Vote:
    """One voter at one place of the true answer, given the true tokens before it."""

    position: int
    """The place in the answer, from 0; its end of sequence is the last."""
    truth: str
    """The true token's text there; a class's name where classes are told apart."""
    expert: int | None
    """The expert, from 1 in the order of their rounds; None for all of them together."""
    token: str
    """The text of the voter's likeliest token."""
    probability: float
    """What it gives that token."""
    truth_probability: float
    """What it gives the true one."""
    right: bool
    """Whether both are the same."""


@torch.inference_mode()
def question_votes(model: Any, tokenizer: Any, question: Question) -> list[Vote]:
    """The experts' and the ensemble's next tokens along one question's true answer.

    Args:
        model: The ensemble, of language models or of classifiers; a single model is its only
            expert.
        tokenizer: Its tokenizer.
        question: With its true answer; with choices where the model is a classifier.

    Returns:
        For each place in turn, the T experts and then all of them together.

    Raises:
        StageError: The answer does not fit the context, or is none of the classes.
        DivergedError: An expert's predictions are not numbers.
    """
    classifies = is_classifier(model)
    limit = context_length(model.config)
    if classifies:
        data = class_data(tokenizer, [question], max_length=limit)
    else:
        data = TokenDataset([encode(tokenizer, question, max_length=limit)])
    log_probs = _log_probs(model, data)  # [T + 1, N, V]
    check_numbers(not bool(log_probs.isnan().any()))

    def name(token: int) -> str:
        return question.choices[token] if classifies else tokenizer.decode([token])

    truths: list[int] = data.answer_tokens.tolist()
    return [
        vote for place, truth in enumerate(truths)
        for vote in _votes(log_probs[:, place], place, truth, name)
    ]  # fmt: skip


def _log_probs(model: Any, data: TokenDataset) -> Tensor:
    """Of T experts and, last, of all together: [T + 1, N, V]."""
    if isinstance(model, TokenEnsembleForCausalLM):
        [(_, stacked)] = predictions(StackedExperts(model), data, batch_size=1)
        experts = stacked.movedim(1, 0)
        return torch.cat([experts, model.combine(experts)[None]])
    [(_, logits)] = predictions(model, data, batch_size=1)
    return logits.float().log_softmax(dim=-1).expand(2, -1, -1)


def _votes(log_probs: Tensor, place: int, truth: int, name: Callable[[int], str]) -> list[Vote]:
    """One place: log-probabilities [T + 1, V]."""
    best, likeliest = log_probs.max(dim=-1)
    last = len(log_probs) - 1
    return [
        Vote(
            position=place,
            truth=name(truth),
            expert=None if voter == last else voter + 1,
            token=name(int(likeliest[voter])),
            probability=float(best[voter].exp()),
            truth_probability=float(log_probs[voter, truth].exp()),
            right=int(likeliest[voter]) == truth,
        )
        for voter in range(len(log_probs))
    ]
