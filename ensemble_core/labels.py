"""Pseudo-labels: the answers that an ensemble, or one model, writes for questions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ensemble_core.costs import inference_flops
from ensemble_core.decoding import decode
from ensemble_core.encoding import TokenDataset, encode_all
from ensemble_core.models.context import context_length
from ensemble_core.scoring import predictions, tokens_read
from ensemble_core.soft_targets import SoftTargets
from ensemble_core.tasks.question import Question


@dataclass(frozen=True)
class PseudoLabels:
    """Answers in the order of the questions and, where asked for, their distributions."""

    answers: list[str]
    targets: SoftTargets | None
    """For each answer token of `encode_all(tokenizer, questions, answers=answers, ended=ended)`."""
    ended: list[bool]
    """Whether each answer ended by itself; else the limit on its length cut it."""
    tokens: int
    """Tokens read or written."""
    flops: float
    """Estimate, see `costs.inference_flops`."""


def pseudo_labels(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    max_new_tokens: int,
    soft: bool = False,
    top_k: int = 32,
    batch_size: int = 64,
    max_length: int | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PseudoLabels:
    """Let the model answer, greedily; true answers are not read.

    Args:
        model: A causal LM, a single one or the ensemble.
        tokenizer: Its tokenizer.
        questions: Their prompts are read.
        max_new_tokens: Longest answer in tokens, end of sequence included.
        soft: Keep the next-token distribution at each token of the answers as the student will
            read them, end of sequence included. The student needs the same tokenizer.
        top_k: Entries kept of each distribution; fewer where the vocabulary is smaller.
        batch_size: Questions per batch.
        max_length: Longest prompt and answer in tokens; the student's limit, so that both see the
            same. Default: the model's context.
        should_stop: Asked before every batch.

    Raises:
        InputError, CancelledError: As `decoding.decode`.
    """
    limit = context_length(model.config, max_length)
    shared: dict[str, Any] = {"batch_size": batch_size, "should_stop": should_stop}
    decoded = decode(
        model, tokenizer, questions, max_new_tokens=max_new_tokens, max_length=limit, **shared
    )
    answers, ended = [d.text for d in decoded], [d.ended for d in decoded]
    tokens = sum(len(d.prompt_ids) + len(d.token_ids) for d in decoded)
    targets = None
    if soft:
        encoded = encode_all(tokenizer, questions, max_length=limit, answers=answers, ended=ended)
        data = TokenDataset(encoded)
        targets = distributions(model, data, top_k=top_k, **shared)
        tokens += tokens_read(data)
    return PseudoLabels(answers, targets, ended, tokens, inference_flops(model, tokens))


@torch.inference_mode()
def distributions(
    model: Any,
    data: TokenDataset,
    *,
    top_k: int = 32,
    batch_size: int = 64,
    should_stop: Callable[[], bool] | None = None,
) -> SoftTargets:
    """The model's next-token distribution at each of N answer tokens, its k likeliest entries.

    Raises:
        CancelledError: `should_stop`, asked before every batch, said so.
    """
    k = min(top_k, int(model.config.get_text_config().vocab_size))
    indices = np.empty((data.n_answer_tokens, k), dtype=np.int64)
    log_probs = np.empty((data.n_answer_tokens, k), dtype=np.float32)
    for places, logits in predictions(model, data, batch_size, should_stop):
        best = logits.log_softmax(dim=-1).topk(k, dim=-1)
        indices[places], log_probs[places] = best.indices.cpu(), best.values.cpu()
    return SoftTargets(indices, log_probs, data.answer_tokens)
