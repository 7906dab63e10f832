"""Greedy decoding in batches: padded on the left, of like length, each answer up to its end."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ensemble_core.encoding import encode_prompts, end_of_sequence, split_prompt
from ensemble_core.errors import CancelledError, InputError
from ensemble_core.models.context import context_length
from ensemble_core.tasks.question import Question


@dataclass(frozen=True)
class Decoded:
    """An answer that a model wrote."""

    text: str
    """What follows the prompt, special tokens left out; a leading space belongs to it."""
    token_ids: tuple[int, ...]
    """Its tokens, end of sequence left out."""
    prompt_ids: tuple[int, ...]
    """What the model read."""
    ended: bool
    """Whether it ended by itself; else the limit on its length cut it."""


def decode(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    max_new_tokens: int,
    batch_size: int = 64,
    max_length: int | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Decoded]:
    """The model's greedy answers, in the order of the questions.

    Args:
        model: A causal LM, a single one or the ensemble.
        tokenizer: Its tokenizer.
        questions: Their prompts are read; one that leaves no room for the answer loses its
            beginning.
        max_new_tokens: Longest answer in tokens, end of sequence included.
        batch_size: Questions per batch.
        max_length: Longest prompt and answer together; default: the model's context.
        should_stop: Asked before every batch.

    Raises:
        InputError: The tokenizer has no end of sequence, or the context can't hold the answer.
        CancelledError: `should_stop` said so.
    """
    room = _prompt_room(model, max_new_tokens, max_length)
    prompts = encode_prompts(tokenizer, questions, max_length=room)
    eos = end_of_sequence(tokenizer)
    was_training = model.training
    model.eval()
    answers: dict[int, list[int]] = {}
    try:
        for rows in _by_length(prompts, batch_size):
            if should_stop is not None and should_stop():
                raise CancelledError("decoding was stopped")
            written = greedy(model, [prompts[row] for row in rows], max_new_tokens, eos)
            answers.update(zip(rows, written, strict=True))
    finally:
        model.train(was_training)
    written = [answers[row] for row in range(len(prompts))]
    return _to_text(tokenizer, questions, prompts, written, eos)


@torch.inference_mode()
def greedy(
    model: Any, prompts: Sequence[Sequence[int]], max_new_tokens: int, eos: int
) -> list[list[int]]:
    """The likeliest next token at each step, up to and with `eos`, for one batch of prompts."""
    inputs, start = _first_inputs(prompts, model.device)
    written = torch.full((len(prompts), max_new_tokens), eos, device=model.device)
    running = torch.ones(len(prompts), dtype=torch.bool, device=model.device)
    for step in range(max_new_tokens):
        output = model(**inputs, use_cache=True, logits_to_keep=1)
        token = output.logits[:, -1].argmax(dim=-1).masked_fill(~running, eos)
        written[:, step] = token
        running &= token != eos
        if not bool(running.any()):
            break
        inputs = _next_inputs(inputs, token, output.past_key_values, start, step)
    return [_up_to(row, eos) for row in written.tolist()]


def _first_inputs(
    prompts: Sequence[Sequence[int]], device: torch.device
) -> tuple[dict[str, Any], Tensor | None]:
    """Padded inputs; without any padding, neither a mask nor positions are needed."""
    lengths = np.array([len(p) for p in prompts])
    width = int(lengths.max())
    ids = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=device)
    if (lengths == width).all():
        return {"input_ids": ids}, None
    mask = torch.from_numpy(np.arange(width) >= (width - lengths)[:, None]).long().to(device)
    positions = (mask.cumsum(dim=-1) - 1).clamp(min=0)
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
    return inputs, positions[:, -1:]


def _next_inputs(
    inputs: dict[str, Any], token: Tensor, cache: Any, start: Tensor | None, step: int
) -> dict[str, Any]:
    following = {"input_ids": token[:, None], "past_key_values": cache}
    if start is None:
        return following
    mask = torch.nn.functional.pad(inputs["attention_mask"], (0, 1), value=1)
    return {**following, "attention_mask": mask, "position_ids": start + (step + 1)}


def _up_to(tokens: list[int], eos: int) -> list[int]:
    return tokens[: tokens.index(eos) + 1] if eos in tokens else tokens


def _by_length(prompts: Sequence[Sequence[int]], batch_size: int) -> Iterator[list[int]]:
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def _prompt_room(model: Any, max_new_tokens: int, max_length: int | None) -> int:
    context = context_length(model.config)
    limit = min(context, max_length) if max_length else context
    if max_new_tokens >= limit:
        raise InputError(
            f"answers of {max_new_tokens} tokens leave no room for a prompt "
            f"in a context of {limit}",
            where="max_new_tokens",
            hint=f"take at most {limit - 1}, or a model with a longer context",
        )
    return limit - max_new_tokens


def _to_text(
    tokenizer: Any,
    questions: Sequence[Question],
    prompts: Sequence[list[int]],
    written: Sequence[list[int]],
    eos: int,
) -> list[Decoded]:
    answers = [tokens[:-1] if tokens[-1:] == [eos] else tokens for tokens in written]
    texts = _continuations(tokenizer, prompts, answers)
    return [
        Decoded(
            text=text.removeprefix(split_prompt(question.prompt)[1]),
            token_ids=tuple(answer),
            prompt_ids=tuple(prompt),
            ended=len(answer) < len(tokens),
        )
        for question, prompt, answer, tokens, text in zip(
            questions, prompts, answers, written, texts, strict=True
        )
    ]


def _continuations(
    tokenizer: Any, prompts: Sequence[list[int]], answers: Sequence[list[int]]
) -> list[str]:
    """The answers' text as it stands after the prompts: some tokenizers drop a leading space."""
    before = _texts(tokenizer, prompts)
    both = _texts(tokenizer, [[*p, *a] for p, a in zip(prompts, answers, strict=True)])
    alone = _texts(tokenizer, answers)
    return [
        whole[len(given) :] if whole.startswith(given) else own
        for given, whole, own in zip(before, both, alone, strict=True)
    ]


def _texts(tokenizer: Any, ids: Sequence[list[int]]) -> list[str]:
    options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
    return list(tokenizer.batch_decode([list(tokens) for tokens in ids], **options)) if ids else []
