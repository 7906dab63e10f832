"""Scoring several answers to one prompt: the prompt is read once, its cache serves them all."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ensemble_core.batching import left_padded, logits_at, next_logits
from ensemble_core.encoding import TokenDataset

Ints = NDArray[np.int64]


def same_prompts(data: TokenDataset) -> list[list[int]]:
    """Examples in groups with equal prompts, shortest prompt first."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for row, example in enumerate(data.examples):
        groups.setdefault(example.prompt_ids, []).append(row)
    return [groups[prompt] for prompt in sorted(groups, key=len)]


def group_batches(groups: Sequence[list[int]], batch_size: int) -> Iterator[Ints]:
    """Whole groups, as many as hold at most `batch_size` examples, at least one."""
    batch: list[int] = []
    for group in groups:
        if batch and len(batch) + len(group) > batch_size:
            yield np.array(batch)
            batch = []
        batch = batch + group
    if batch:
        yield np.array(batch)


def predict_after_prompts(model: Any, data: TokenDataset, rows: Ints) -> tuple[Ints, Tensor]:
    """What the model expects at each answer token of these examples, groups side by side.

    Returns:
        Which of the data set's N answer tokens, [n], and the logits there, [n, V].
    """
    prompts = list(dict.fromkeys(data.examples[row].prompt_ids for row in rows))
    number = {prompt: i for i, prompt in enumerate(prompts)}
    owners = torch.tensor([number[data.examples[row].prompt_ids] for row in rows])
    owners = owners.to(model.device)
    inputs, past = left_padded(prompts, model.device)
    first, cache = next_logits(model, **inputs)
    index, logits = data.answer_starts[rows], first[owners]
    columns = np.arange(int(data.answer_lengths[rows].max()) - 1)
    if not columns.size:
        return index, logits
    begins = (data.starts + data.prompt_lengths)[rows]
    answers = data.tokens.take(begins[:, None] + columns, mode="clip")
    row, column = np.nonzero(columns + 1 < data.answer_lengths[rows][:, None])
    following: dict[str, Any] = {"input_ids": torch.from_numpy(answers).to(model.device)}
    if "attention_mask" in inputs:
        mask = inputs["attention_mask"][owners]
        following["attention_mask"] = torch.nn.functional.pad(mask, (0, len(columns)), value=1)
        following["position_ids"] = _positions(past[owners], data.answer_lengths[rows] - 1)
    cache.batch_select_indices(owners)
    places = torch.from_numpy(row * len(columns) + column).to(model.device)
    later, _ = logits_at(model, places, **following, past_key_values=cache)
    return np.concatenate([index, index[row] + column + 1]), torch.cat([logits, later])


def _positions(past: Tensor, lengths: Ints) -> Tensor:
    """Positions after prompts of `past` [B] tokens, [B, longest]; those of padding repeat the last
    real one, which an absolute-position model is sure to have."""
    steps = torch.arange(int(lengths.max()), device=past.device)
    last = torch.from_numpy(lengths).to(past.device).sub(1).clamp(min=0)
    return past[:, None] + torch.minimum(steps, last[:, None])
