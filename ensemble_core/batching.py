"""Batches: cut from a data set's flat arrays, padded on the right to score, on the left to write.

A causal model's real tokens never see padding that stands after them, so no attention mask is
needed, and attention takes its fastest path.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ensemble_core.encoding import TokenDataset

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """B examples, as long as the longest but for its last token, with n answer tokens in all."""

    input_ids: Tensor
    """What the model reads, [B, L]."""
    places: Tensor
    """Where it predicts an answer token, as indices into the flattened [B · L], shape [n]."""
    targets: Tensor
    """The tokens to predict there, [n]."""
    token_index: Tensor
    """Which of the data set's N answer tokens each target is, [n]."""


def collate(
    data: TokenDataset, rows: Ints, *, pad: int = 0, device: torch.device | str = "cpu"
) -> Batch:
    """Assemble some of a data set's examples.

    Args:
        data: The examples.
        rows: Which of them, indices, shape [B].
        pad: The token that fills up; which one changes nothing.
        device: Where the tensors go.
    """
    lengths, prompts = data.lengths[rows], data.prompt_lengths[rows]
    width = int(lengths.max()) - 1
    columns = np.arange(width + 1)
    ids = data.tokens.take(data.starts[rows][:, None] + columns, mode="clip")
    ids[columns >= lengths[:, None]] = pad
    row, column = np.nonzero((columns >= prompts[:, None]) & (columns < lengths[:, None]))
    return Batch(
        input_ids=_tensor(ids[:, :-1], device),
        places=_tensor(row * width + column - 1, device),
        targets=_tensor(ids[row, column], device),
        token_index=_tensor((data.answer_starts[rows] - prompts)[row] + column, device),
    )


def _tensor(array: NDArray[Any], device: torch.device | str) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor if str(device) == "cpu" else tensor.to(device, non_blocking=True)


def answer_logits(model: Any, batch: Batch) -> Tensor:
    """The model's logits for each target of a batch, in float32, shape [n, V]."""
    inputs = {"input_ids": batch.input_ids, "use_cache": False}
    return logits_at(model, batch.places, **inputs)[0]


def logits_at(model: Any, places: Tensor, **inputs: Any) -> tuple[Tensor, Any]:
    """Call the model, and apply its output head to the wanted positions alone.

    With a vocabulary of 50,000 the head is a fifth of a small model's work, and the logits of all
    positions are most of its memory.

    Args:
        model: A causal LM, a single one or the ensemble.
        places: Indices into the flattened positions [B · L], shape [n].
        inputs: What the model takes; `input_ids` has shape [B, L].

    Returns:
        Logits in float32, shape [n, V], and the cache, if the model kept one.
    """
    causal = unwrapped(model)
    if hasattr(causal, "logits_at"):  # an ensemble has a head in each expert
        return causal.logits_at(places, **inputs)
    head = causal.get_output_embeddings()

    def select(_: nn.Module, hidden: tuple[Tensor, ...]) -> tuple[Tensor]:
        return (hidden[0].flatten(0, 1).index_select(0, places),)

    hook = head.register_forward_pre_hook(select)
    try:
        output = causal(**inputs)
    finally:
        hook.remove()
    return output.logits.float(), output.past_key_values


def next_logits(model: Any, **inputs: Any) -> tuple[Tensor, Any]:
    """Logits after each sequence's last token, [B, V], and the cache."""
    rows, width = inputs["input_ids"].shape
    ends = torch.arange(width - 1, rows * width, width, device=inputs["input_ids"].device)
    return logits_at(model, ends, **inputs, use_cache=True)


def unwrapped(model: Any) -> Any:
    """The causal LM itself, without PEFT's wrapper, which adds time and nothing else to a call."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def left_padded(
    prompts: Sequence[Sequence[int]], device: torch.device | str
) -> tuple[dict[str, Any], Tensor]:
    """What a model takes to continue prompts, and how long each is, shape [B].

    Without any padding, neither a mask nor positions are needed.
    """
    lengths = np.array([len(prompt) for prompt in prompts])
    width = int(lengths.max())
    ids = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=device)
    sizes = torch.from_numpy(lengths).to(device)
    if (lengths == width).all():
        return {"input_ids": ids}, sizes
    mask = torch.from_numpy(np.arange(width) >= (width - lengths)[:, None]).long().to(device)
    positions = (mask.cumsum(dim=-1) - 1).clamp(min=0)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions}, sizes


def batches_by_length(data: TokenDataset, batch_size: int) -> Iterator[Ints]:
    """Rows in batches of like length, so that little is spent on padding."""
    order = np.lexsort((data.prompt_lengths, data.lengths))  # the last key sorts first
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
