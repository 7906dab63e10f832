"""Coherence of written answers: how expected they are by a language model that took no part."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemble_core.costs import inference_flops
from ensemble_core.decoding import Decoded
from ensemble_core.encoding import Encoded, TokenDataset, encode_all
from ensemble_core.models.context import context_length
from ensemble_core.scoring import score_tokens, tokens_read
from ensemble_core.tasks.question import Question


@dataclass(frozen=True)
class Judge:
    """A causal LM that is none of the experts; with its tokenizer."""

    model: Any
    tokenizer: Any


@dataclass(frozen=True)
class Judged:
    """What a judge says of some answers."""

    nll: list[float]
    """For each answer the mean of -log p over the judge's tokens, end of sequence included where
    the answer has one, in nats; low is coherent."""
    tokens: int
    """Tokens that the judge read."""
    flops: float
    """Estimate, see `costs.inference_flops`."""


def judge_answers(
    judge: Judge,
    questions: Sequence[Question],
    written: Sequence[Decoded],
    *,
    batch_size: int = 64,
    should_stop: Callable[[], bool] | None = None,
) -> Judged:
    """Let the judge read each answer after its prompt.

    What is too long for the judge's context is cut: the prompt to the last half of it, then the
    answer to what is left.

    Raises:
        CancelledError: `should_stop`, asked before every batch, said so.
        DivergedError: The judge's predictions are not numbers.
    """
    limit = context_length(judge.model.config)
    encoded = encode_all(
        judge.tokenizer,
        questions,
        max_length=sys.maxsize,
        answers=[each.text for each in written],
        ended=[each.ended for each in written],
    )
    data = TokenDataset([_within(example, limit) for example in encoded])
    scores = score_tokens(judge.model, data, batch_size=batch_size, should_stop=should_stop)
    sums = np.add.reduceat(scores.log_probs.astype(np.float64), data.answer_starts)
    tokens = tokens_read(data)
    nll = (-sums / data.answer_lengths).tolist()
    return Judged(nll, tokens, inference_flops(judge.model, tokens))


def _within(example: Encoded, limit: int) -> Encoded:
    if len(example.input_ids) <= limit:
        return example
    room = max(limit - len(example.answer_ids), limit // 2)
    prompt = example.prompt_ids[-room:]
    return Encoded((*prompt, *example.answer_ids)[:limit], len(prompt))
