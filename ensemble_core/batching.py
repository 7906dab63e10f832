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
    """B examples, of L tokens at most, with n answer tokens in all.

    The model reads `input_ids` [B, L-1]; of its predictions only the last `keep` columns matter,
    and of those the ones in `predicts` [B, keep], row by row: they predict `targets` [n].
    """

    input_ids: Tensor
    keep: int
    predicts: Tensor
    targets: Tensor
    token_index: Tensor
    """Which of the data set's N answer tokens each target is, [n]."""
    n_tokens: int
    """Tokens that the model reads, padding not counted."""


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
    width, first = int(lengths.max()) - 1, int(prompts.min()) - 1
    columns = np.arange(width + 1)
    ids = data.tokens.take(data.starts[rows][:, None] + columns, mode="clip")
    ids[columns >= lengths[:, None]] = pad
    predicted = columns[first + 1 :]  # position of the token that each kept column predicts
    predicts = (predicted >= prompts[:, None]) & (predicted < lengths[:, None])
    token_index = (data.answer_starts[rows] - prompts)[:, None] + predicted
    return Batch(
        input_ids=_tensor(ids[:, :-1], device),
        keep=width - first,
        predicts=_tensor(predicts, device),
        targets=_tensor(ids[:, first + 1 :][predicts], device),
        token_index=_tensor(token_index[predicts], device),
        n_tokens=int(lengths.sum()) - len(rows),
    )


def _tensor(array: NDArray[Any], device: torch.device | str) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor if str(device) == "cpu" else tensor.to(device, non_blocking=True)


def answer_logits(model: Any, batch: Batch) -> Tensor:
    """The model's logits for each target of a batch, in float32, shape [n, V]."""
    return logits_at(model, batch.predicts, input_ids=batch.input_ids, use_cache=False)[0]


def logits_at(model: Any, wanted: Tensor, **inputs: Any) -> tuple[Tensor, Any]:
    """Call the model, and apply its output head to the wanted positions alone.

    With a vocabulary of 50,000 the head is a fifth of a small model's work.

    Args:
        model: A causal LM.
        wanted: Which of the last K positions, shape [B, K], bool.
        inputs: What the model takes.

    Returns:
        Logits in float32, shape [n, V], and the cache, if the model kept one.
    """
    causal, keep = unwrapped(model), wanted.shape[1]
    head = causal.get_output_embeddings()
    if head is None:  # an ensemble has a head in each expert
        output = causal(**inputs, logits_to_keep=keep)
        return output.logits[:, -keep:][wanted].float(), output.past_key_values

    def select(_: nn.Module, hidden: tuple[Tensor, ...]) -> tuple[Tensor]:
        return (hidden[0][:, -keep:][wanted],)

    hook = head.register_forward_pre_hook(select)
    try:
        output = causal(**inputs)
    finally:
        hook.remove()
    return output.logits.float(), output.past_key_values


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


def unwrapped(model: Any) -> Any:
    """The causal LM itself, without PEFT's wrapper, which adds time and nothing else to a call."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def batches_by_length(data: TokenDataset, batch_size: int) -> Iterator[Ints]:
    """Rows in batches of like length, so that little is spent on padding."""
    order = np.lexsort((data.prompt_lengths, data.lengths))  # the last key sorts first
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
