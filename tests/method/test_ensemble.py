"""The ensemble as a model: what it computes, what it keeps, what it refuses."""

from pathlib import Path
from typing import get_args

import pytest
import torch
from method_models import PAD, VOCABULARY, MakeExpert
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    DynamicCache,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from ensemble_core import TokenEnsembleConfig, TokenEnsembleForCausalLM
from ensemble_core.combining import combine
from ensemble_core.errors import InputError
from ensemble_core.settings import FixedCombiner

ALPHAS = [1.0, 2.0, 0.5]
RULES = list(get_args(FixedCombiner))


@pytest.fixture(scope="module")
def ensemble(experts: list[PreTrainedModel]) -> TokenEnsembleForCausalLM:
    return TokenEnsembleForCausalLM.from_experts(experts, ALPHAS)


@pytest.mark.parametrize("rule", RULES)
@torch.no_grad()
def test_logits_are_the_combined_log_probabilities(
    experts: list[PreTrainedModel], tokens: Tensor, rule: FixedCombiner
):
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS, rule)
    each = torch.stack([expert(tokens).logits.log_softmax(-1) for expert in experts])
    logits = ensemble(tokens).logits
    assert logits.dtype == torch.float32
    assert torch.equal(logits, combine(each, ALPHAS, rule))


@pytest.mark.parametrize("rule", RULES)
@torch.no_grad()
def test_one_expert_is_itself(make_expert: MakeExpert, tokens: Tensor, rule: FixedCombiner):
    expert = make_expert(5)
    ensemble = TokenEnsembleForCausalLM.from_experts([expert], [0.7], rule)
    assert torch.equal(ensemble(tokens).logits, expert(tokens).logits.log_softmax(-1))


def test_building_changes_no_weight(make_expert: MakeExpert):
    expert = make_expert(0)
    before = [parameter.clone() for parameter in expert.parameters()]
    TokenEnsembleForCausalLM.from_experts([expert, make_expert(1)], [1, 1])
    assert all(map(torch.equal, before, expert.parameters()))


@torch.no_grad()
def test_the_loss_is_the_mean_nll_of_the_labels(ensemble: TokenEnsembleForCausalLM, tokens: Tensor):
    labels = tokens.clone()
    labels[0, :4] = -100
    found = ensemble(tokens, labels=labels)
    nll = [
        -found.logits[row, position - 1, tokens[row, position]].item()
        for row in range(2)
        for position in range(1, 7)
        if labels[row, position] != -100
    ]
    assert found.loss.item() == pytest.approx(sum(nll) / len(nll), rel=1e-5)


@torch.no_grad()
def test_padding_on_either_side_changes_nothing(ensemble: TokenEnsembleForCausalLM, tokens: Tensor):
    alone = ensemble(tokens[:1, :4]).logits
    pad = torch.full((1, 3), PAD)
    right = torch.cat([tokens[:1, :4], pad], dim=1)
    right_mask = torch.tensor([[1, 1, 1, 1, 0, 0, 0]])
    found = ensemble(right, attention_mask=right_mask).logits[:, :4]
    torch.testing.assert_close(found, alone, rtol=1e-4, atol=1e-4)
    found = ensemble(
        torch.cat([pad, tokens[:1, :4]], dim=1),
        attention_mask=right_mask.flip(1),
        position_ids=torch.tensor([[0, 0, 0, 0, 1, 2, 3]]),
    ).logits[:, 3:]
    torch.testing.assert_close(found, alone, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_cache_continues_where_the_batch_ended(
    ensemble: TokenEnsembleForCausalLM, tokens: Tensor
):
    whole = ensemble(tokens, use_cache=False)
    assert whole.past_key_values is None
    for cache in (None, DynamicCache()):
        first = ensemble(tokens[:, :4], past_key_values=cache)
        assert len(first.past_key_values.layers) == 2 + 3 + 2
        second = ensemble(tokens[:, 4:], past_key_values=first.past_key_values)
        found = torch.cat([first.logits, second.logits], dim=1)
        torch.testing.assert_close(found, whole.logits, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_logits_to_keep(ensemble: TokenEnsembleForCausalLM, tokens: Tensor):
    logits = ensemble(tokens).logits
    torch.testing.assert_close(ensemble(tokens, logits_to_keep=2).logits, logits[:, -2:])
    as_tuple = ensemble(tokens, return_dict=False, use_cache=False)
    torch.testing.assert_close(as_tuple[0], logits)


def test_a_foreign_cache_is_refused(ensemble: TokenEnsembleForCausalLM, tokens: Tensor):
    cache = ensemble.members[0](tokens).past_key_values
    with pytest.raises(InputError, match="2 layers, the experts have 7"):
        ensemble(tokens, past_key_values=cache)


@torch.no_grad()
def test_architectures_mix(make_expert: MakeExpert, tokens: Tensor, tmp_path: Path):
    torch.manual_seed(0)
    gpt2 = GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=1, n_head=2, n_positions=64)
    ).eval()
    llama = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
        )
    ).eval()
    members = [make_expert(0), gpt2, llama]
    ensemble = TokenEnsembleForCausalLM.from_experts(members, [1, 1, 1], "product")
    assert ensemble.config.max_position_embeddings == 64
    each = torch.stack([member(tokens).logits.log_softmax(-1) for member in members])
    torch.testing.assert_close(ensemble(tokens).logits, combine(each, [1, 1, 1], "product"))
    ensemble.save_pretrained(tmp_path)
    loaded = TokenEnsembleForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(loaded(tokens).logits, ensemble(tokens).logits)


@torch.no_grad()
def test_dtypes_mix_and_survive(make_expert: MakeExpert, tokens: Tensor, tmp_path: Path):
    make_expert(0).save_pretrained(tmp_path / "half")
    half = AutoModelForCausalLM.from_pretrained(tmp_path / "half", dtype=torch.bfloat16)
    ensemble = TokenEnsembleForCausalLM.from_experts([half, make_expert(1)], [1, 2])
    logits = ensemble(tokens).logits
    assert logits.dtype == torch.float32
    ensemble.save_pretrained(tmp_path / "mixed")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "mixed")
    assert [member.dtype for member in loaded.members] == [torch.bfloat16, torch.float32]
    assert torch.equal(loaded(tokens).logits, logits)
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "mixed", dtype=torch.float32)
    assert {parameter.dtype for parameter in whole.parameters()} == {torch.float32}


@torch.no_grad()
def test_saving_and_loading_by_the_auto_classes(
    ensemble: TokenEnsembleForCausalLM, tokens: Tensor, tmp_path: Path
):
    ensemble.save_pretrained(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"config.json", "generation_config.json", "model.safetensors"}
    assert isinstance(AutoConfig.from_pretrained(tmp_path), TokenEnsembleConfig)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert isinstance(loaded, TokenEnsembleForCausalLM)
    assert loaded.config.alphas == ALPHAS
    assert torch.equal(loaded(tokens).logits, ensemble(tokens).logits)
    assert loaded.generation_config.eos_token_id == ensemble.generation_config.eos_token_id
    loaded.save_pretrained(tmp_path / "again")
    again = (tmp_path / "again" / "config.json").read_text()
    assert again == (tmp_path / "config.json").read_text()


def test_a_saved_configuration_names_no_place(make_expert: MakeExpert, tmp_path: Path):
    make_expert(0).save_pretrained(tmp_path / "expert")
    expert = AutoModelForCausalLM.from_pretrained(tmp_path / "expert")
    TokenEnsembleForCausalLM.from_experts([expert], [1]).save_pretrained(tmp_path / "ensemble")
    for path in (tmp_path / "ensemble").glob("*.json"):
        assert str(tmp_path) not in path.read_text()


def test_attention_is_chosen_for_all_experts(ensemble: TokenEnsembleForCausalLM, tmp_path: Path):
    ensemble.save_pretrained(tmp_path)
    eager = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="eager")
    assert {member.config._attn_implementation for member in eager.members} == {"eager"}


def test_generation_settings_come_from_the_first_expert(make_expert: MakeExpert):
    first = make_expert(0, pad_token_id=None)
    first.generation_config.eos_token_id = [1, 5]
    ensemble = TokenEnsembleForCausalLM.from_experts([first, make_expert(1)], [1, 1])
    assert ensemble.generation_config.eos_token_id == [1, 5]
    assert ensemble.generation_config.pad_token_id == 1  # batches need one
    assert first.generation_config.pad_token_id is None  # the expert's own stays
    assert ensemble.config.vocab_size == VOCABULARY


class TestRefusals:
    def test_vocabularies_that_differ(self, make_expert: MakeExpert):
        with pytest.raises(InputError, match="64, 70 tokens"):
            TokenEnsembleForCausalLM.from_experts(
                [make_expert(0), make_expert(1, vocab_size=70)], [1, 1]
            )

    def test_no_expert(self):
        with pytest.raises(InputError, match="at least one expert"):
            TokenEnsembleForCausalLM.from_experts([], [])

    @pytest.mark.parametrize("alphas", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, float("nan")]])
    def test_weights_that_do_not_fit(self, make_expert: MakeExpert, alphas: list[float]):
        with pytest.raises(InputError, match="weights"):
            TokenEnsembleForCausalLM.from_experts([make_expert(0), make_expert(1)], alphas)

    def test_an_unknown_combiner(self, make_expert: MakeExpert):
        with pytest.raises(InputError, match=r"median.*take one of mean"):
            TokenEnsembleForCausalLM.from_experts([make_expert(0)], [1], "median")  # type: ignore[arg-type]
