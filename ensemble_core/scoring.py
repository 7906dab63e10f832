"""Teacher-forced scores: what a model says of each answer token, given the true ones before it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ensemble_core.batching import answer_logits, batches_by_length, collate
from ensemble_core.encoding import TokenDataset
from ensemble_core.errors import CancelledError, DivergedError
from ensemble_core.prefixes import group_batches, predict_after_prompts, same_prompts

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TokenScores:
    """One entry for each of N answer tokens, in data order."""

    log_probs: NDArray[np.float32]
    """Log-probability of the true token, in nats."""
    predicted: NDArray[np.int64]
    """The likeliest token."""
    confidences: NDArray[np.float32]
    """Probability of the likeliest token."""


@torch.inference_mode()
def score_tokens(
    model: Any,
    data: TokenDataset,
    *,
    batch_size: int = 64,
    should_stop: Callable[[], bool] | None = None,
) -> TokenScores:
    """Score every answer token of the data with a single causal LM or the ensemble.

    Raises:
        CancelledError: `should_stop`, asked before every batch, said so.
        DivergedError: The model's predictions are not numbers.
    """
    columns = np.empty((3, data.n_answer_tokens), dtype=np.float64)
    truth = torch.from_numpy(data.answer_tokens)
    for index, logits in predictions(model, data, batch_size, should_stop):
        columns[:, index] = _scores(logits, truth[index].to(logits.device))
    check_numbers(not np.isnan(columns).any())
    log_probs, predicted, confidences = columns
    return TokenScores(
        log_probs.astype(np.float32), predicted.astype(np.int64), confidences.astype(np.float32)
    )


def check_numbers(are_numbers: bool) -> None:
    """Refuse predictions that are not numbers: their argmax would pass for an answer.

    Raises:
        DivergedError: They are not.
    """
    if not are_numbers:
        raise DivergedError(
            "the model's predictions are not finite numbers",
            hint="its weights have overflowed, or its checkpoint is broken",
        )


def token_errors(model: Any, data: TokenDataset, batch_size: int = 64) -> NDArray[np.bool_]:
    """Whether the likeliest token is not the true one, for each of N answer tokens."""
    return score_tokens(model, data, batch_size=batch_size).predicted != data.answer_tokens


def predictions(
    model: Any,
    data: TokenDataset,
    batch_size: int,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[tuple[Ints, Tensor]]:
    """What the model expects at each answer token, batch by batch, in evaluation mode.

    Where many examples share their prompts (the choices of a question), each prompt is read once.

    Yields:
        Which of the N answer tokens, [n], and the logits there, [n, V].

    Raises:
        CancelledError: `should_stop`, asked before every batch, said so.
    """
    was_training = model.training
    model.eval()
    try:
        groups = same_prompts(data)
        shared = _worth_sharing(data, groups)
        batches = (
            group_batches(groups, batch_size) if shared else batches_by_length(data, batch_size)
        )
        for rows in batches:
            if should_stop is not None and should_stop():
                raise CancelledError("stopped between two batches")
            if shared:
                yield predict_after_prompts(model, data, rows)
            else:
                batch = collate(data, rows, device=model.device)
                yield batch.token_index.cpu().numpy(), answer_logits(model, batch)
    finally:
        model.train(was_training)


def tokens_read(data: TokenDataset) -> int:
    """Tokens that scoring the data takes, each shared prompt once."""
    groups = same_prompts(data)
    if not _worth_sharing(data, groups):
        return int(data.lengths.sum())
    return data.n_answer_tokens + int(sum(data.prompt_lengths[group[0]] for group in groups))


def _worth_sharing(data: TokenDataset, groups: Sequence[Sequence[int]]) -> bool:
    return len(groups) * 1.5 <= len(data)


def _scores(logits: Tensor, targets: Tensor) -> NDArray[np.float64]:
    """Log-probability, argmax and its probability, [3, n], from logits [n, V]."""
    norm = logits.logsumexp(dim=-1)
    best, predicted = logits.max(dim=-1)
    given = logits.gather(-1, targets[:, None]).squeeze(-1)
    columns = torch.stack(
        [(given - norm).double(), predicted.double(), (best - norm).exp().double()]
    )
    return columns.cpu().numpy()
