"""The ladder and pretraining: sizes grow, loss falls, the same seed gives the same weights."""

import json
from dataclasses import replace

import pytest
import torch
from transformers import GPTNeoXForCausalLM

from ensemble_core.nano.ladder import CONTEXT_LENGTH, SIZES, model_config, recipe
from ensemble_core.nano.pretrain import pretrain
from ensemble_core.nano.tokenizer import build_tokenizer

SHORT = replace(SIZES["nano-xs"], steps=20, batch_size=16)


def test_parameter_counts_are_true_and_increase() -> None:
    counts = []
    for name, size in SIZES.items():
        model = GPTNeoXForCausalLM(model_config(name))
        counts.append(sum(p.numel() for p in model.parameters()))
        assert counts[-1] == size.parameters
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
