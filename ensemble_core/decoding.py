"""Greedy decoding in batches: padded on the left, of like length, each answer up to its end."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ensemble_core.batching import left_padded, next_logits
from ensemble_core.encoding import encode_prompts, end_of_sequence, split_prompt
from ensemble_core.errors import CancelledError, InputError
from ensemble_core.models.context import context_length
from ensemble_core.scoring import check_numbers
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
        DivergedError: The model's predictions are not numbers.
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
    """The likeliest next token at each step, up to and with `eos`, for one batch of prompts.

    Sequences that have ended leave the batch once they are half of it.
    """
    inputs, past = left_padded(prompts, model.device)
    written = torch.full((len(prompts), max_new_tokens), eos, device=model.device)
    rows = torch.arange(len(prompts), device=model.device)
    running = torch.ones_like(rows, dtype=torch.bool)
    for step in range(max_new_tokens):
        logits, cache = next_logits(model, **inputs)
        check_numbers(not bool(logits.isnan().any()))
        token = logits.argmax(dim=-1).masked_fill(~running, eos)
        written[rows, step] = token
        running &= token != eos
        n_running = int(running.sum())
        if n_running == 0:
            break
        inputs = {**_following(inputs, past + step), "input_ids": token[:, None]}
        if 2 * n_running <= len(rows):
            kept = running.nonzero().squeeze(1)
            rows, past, running = rows[kept], past[kept], running[kept]
            inputs = {name: tensor[kept] for name, tensor in inputs.items()}
            cache.batch_select_indices(kept)
        inputs["past_key_values"] = cache
    return [_up_to(row, eos) for row in written.tolist()]


def _following(inputs: dict[str, Any], positions: Tensor) -> dict[str, Tensor]:
    """Mask and positions of the next token, where there is padding."""
    if "attention_mask" not in inputs:
        return {}
    mask = torch.nn.functional.pad(inputs["attention_mask"], (0, 1), value=1)
    return {"attention_mask": mask, "position_ids": positions[:, None]}


def _up_to(tokens: list[int], eos: int) -> list[int]:
    return tokens[: tokens.index(eos) + 1] if eos in tokens else tokens


def _by_length(prompts: Sequence[Sequence[int]], batch_size: int) -> Iterator[list[int]]:
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def _prompt_room(model: Any, max_new_tokens: int, max_length: int | None) -> int:
    limit = context_length(model.config, max_length)
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
