"""Pretraining a nano model from scratch on the generated corpus."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from random import Random

import torch
from torch import Tensor
from torch.nn import functional
from transformers import GPTNeoXForCausalLM, PreTrainedTokenizerFast

from ensemble_core.nano.corpus import Document, documents
from ensemble_core.nano.ladder import NanoSize, find_size, model_config
from ensemble_core.nano.tokenizer import EOS_TOKEN, PAD_TOKEN, VOCABULARY, build_tokenizer

#: Batches drawn at once; sorting so many by length leaves little padding within a batch.
_BUCKET = 32
_WARMUP = 0.05
_IGNORED = -100  # cross_entropy's default ignore_index
_PAD_ID = VOCABULARY.index(PAD_TOKEN)
_EOS_ID = VOCABULARY.index(EOS_TOKEN)

Encoded = tuple[list[int], int]
"""Token ids of a document, and how many of them are its prefix."""


def pretrain(
    size: str | NanoSize,
    *,
    seed: int = 0,
    threads: int | None = None,
    on_step: Callable[[int, int, float], None] | None = None,
) -> GPTNeoXForCausalLM:
    """Train a model of the ladder; the same size, seed and threads give the same bits on a host.

    AdamW with linear warm-up and decay; cross-entropy on the completions only.

    Args:
        size: A name in `ladder.SIZES`, or a size of one's own.
        seed: Decides initial weights and corpus.
        threads: CPU threads meanwhile; default: torch's present number.
        on_step: Called with (step from 1, steps, loss in nats per token).

    Raises:
        ValueError: No size has this name.
    """
    recipe = find_size(size) if isinstance(size, str) else size
    with _fixed_threads(threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = GPTNeoXForCausalLM(model_config(recipe))
        _fit(model, recipe, seed, on_step)
    return model.eval()


def _fit(
    model: GPTNeoXForCausalLM,
    recipe: NanoSize,
    seed: int,
    on_step: Callable[[int, int, float], None] | None,
) -> None:
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: _factor(i, recipe.steps))
    model.train()
    for step, batch in enumerate(islice(_batches(recipe, seed), recipe.steps), 1):
        loss = _loss(model, *batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if on_step is not None:
            on_step(step, recipe.steps, loss.item())


def _factor(step: int, steps: int) -> float:
    """Learning rate at `step` (from 0) as a share of its peak."""
    warmup = max(1, round(_WARMUP * steps))
    return (step + 1) / warmup if step < warmup else 1.0 - step / steps


def _loss(model: GPTNeoXForCausalLM, ids: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of the completions, in nats; `ids` and `targets` are [batch, tokens]."""
    # Padding stands on the right, where causal attention never looks: no mask is needed.
    logits: Tensor = model(input_ids=ids, use_cache=False).logits
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())


def _batches(recipe: NanoSize, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless (ids, targets), each [batch, tokens], of documents of similar length."""
    tokenizer = build_tokenizer()
    stream, rng = documents(seed, recipe.corpus), Random(f"batches/{seed}")
    while True:
        drawn = _encode(tokenizer, list(islice(stream, recipe.batch_size * _BUCKET)))
        drawn.sort(key=lambda encoded: len(encoded[0]))
        batches = list(cut(drawn, recipe.batch_size, recipe.batch_tokens))
        rng.shuffle(batches)
        yield from map(_collate, batches)


def cut(drawn: list[Encoded], batch_size: int, batch_tokens: int | None) -> Iterator[list[Encoded]]:
    """Cut documents, which are sorted by length, into batches.

    Args:
        drawn: The documents.
        batch_size: Documents of a batch, at most.
        batch_tokens: Tokens of a batch at most, padding included; a document alone may have more.
    """
    start = 0
    for end in range(1, len(drawn) + 1):
        following = len(drawn[end][0]) * (end - start + 1) if end < len(drawn) else 0
        full = end - start == batch_size or (batch_tokens and following > batch_tokens)
        if full or end == len(drawn):
            yield drawn[start:end]
            start = end


def _encode(tokenizer: PreTrainedTokenizerFast, drawn: list[Document]) -> list[Encoded]:
    # In two pieces, as a prompt and an answer are, so that no token spans the border; and all
    # documents in one call, which takes a tenth of the time of one call each.
    prefixes: list[list[int]] = tokenizer([d.prefix for d in drawn])["input_ids"]
    completions: list[list[int]] = tokenizer([d.completion for d in drawn])["input_ids"]
    return [
        ([*prefix, *completion, _EOS_ID], len(prefix))
        for prefix, completion in zip(prefixes, completions, strict=True)
    ]


def _collate(batch: list[Encoded]) -> tuple[Tensor, Tensor]:
    width = max(len(ids) for ids, _ in batch)
    ids = torch.full((len(batch), width), _PAD_ID)
    targets = torch.full((len(batch), width), _IGNORED)
    for row, (tokens, n_prefix) in enumerate(batch):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        targets[row, n_prefix : len(tokens)] = torch.tensor(tokens[n_prefix:])
    return ids, targets


@contextmanager
def _fixed_threads(threads: int | None) -> Generator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
