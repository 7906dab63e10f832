"""The ladder and pretraining: sizes grow, loss falls, the same seed gives the same weights."""

import json
from dataclasses import replace

import pytest
import torch
from transformers import GPTNeoXForCausalLM

from ensemble_core.nano.ladder import CONTEXT_LENGTH, SIZES, model_config, recipe
from ensemble_core.nano.pretrain import cut, pretrain
from ensemble_core.nano.tokenizer import build_tokenizer

SHORT = replace(SIZES["nano-xs"], steps=20, batch_size=16)
LADDER = [name for name, size in SIZES.items() if size.corpus == "procedures"]
KEYS = {"name", "hidden", "layers", "heads", "steps", "batch_size", "learning_rate", "version"}


def test_parameter_counts_are_true_and_increase() -> None:
    found = {}
    for name, size in SIZES.items():
        model = GPTNeoXForCausalLM(model_config(name))
        found[name] = sum(p.numel() for p in model.parameters())
        assert found[name] == size.parameters
    assert found["nano-long-s"] < found["nano-long-m"]
    counts = [found[name] for name in LADDER]
    assert counts == sorted(set(counts))
    assert len(counts) >= 4
    assert 10_000 < counts[0] < 100_000
    assert 1_000_000 < counts[-1] < 5_000_000


def test_config_agrees_with_the_tokenizer() -> None:
    config, tokenizer = model_config("nano-s"), build_tokenizer()
    assert config.vocab_size == len(tokenizer)
    assert config.eos_token_id == tokenizer.eos_token_id
    assert config.pad_token_id == tokenizer.pad_token_id
    assert config.max_position_embeddings == CONTEXT_LENGTH


def test_recipe_is_json_and_tells_sizes_apart() -> None:
    recipes = {json.dumps(recipe(name), sort_keys=True) for name in SIZES}
    assert len(recipes) == len(SIZES)


def test_what_a_size_leaves_at_its_default_is_no_part_of_its_recipe() -> None:
    """A key holds the recipe: an option of one size must not change another's model."""
    assert all(set(recipe(name)) == KEYS | {"families"} for name in LADDER)
    long = {"context": 2176, "corpus": "counts", "batch_tokens": 2048}
    assert recipe("nano-long-s").items() >= long.items()


def test_a_long_size_is_pretrained_on_its_own_corpus() -> None:
    tiny = replace(SIZES["nano-long-s"], hidden=16, layers=1, heads=1, steps=8, batch_tokens=300)
    losses: list[float] = []
    model = pretrain(tiny, seed=0, threads=1, on_step=lambda *r: losses.append(r[2]))
    assert model.config.max_position_embeddings == 2176
    assert losses[-1] < losses[0]


def test_batches_keep_to_documents_and_tokens() -> None:
    lengths = [3, 4, 4, 5, 9, 9, 10, 40, 90]
    drawn = [([0] * length, 1) for length in lengths]
    whole = [[len(ids) for ids, _ in batch] for batch in cut(drawn, 4, 20)]
    assert whole == [[3, 4, 4, 5], [9, 9], [10], [40], [90]]
    assert [len(batch) for batch in cut(drawn, 4, None)] == [4, 4, 1]


def test_unknown_size_is_named() -> None:
    with pytest.raises(ValueError, match="unknown nano size 'nano-xxl'; known: nano-xs"):
        pretrain("nano-xxl")


def test_pretraining_lowers_the_loss_and_is_deterministic() -> None:
    reports: list[tuple[int, int, float]] = []
    before = torch.random.get_rng_state()
    first = pretrain(SHORT, seed=3, threads=1, on_step=lambda *r: reports.append(r))
    second = pretrain(SHORT, seed=3, threads=1)
    other = pretrain(SHORT, seed=4, threads=1)

    assert [step for step, _, _ in reports] == list(range(1, 21))
    assert {steps for _, steps, _ in reports} == {20}
    losses = [loss for _, _, loss in reports]
    assert sum(losses[-5:]) < sum(losses[:5]) - 1.0
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(
        first.get_output_embeddings().weight, other.get_output_embeddings().weight
    )
    assert torch.equal(before, torch.random.get_rng_state())
    assert not first.training
