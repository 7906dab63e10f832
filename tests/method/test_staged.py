"""Every prefix in one pass is what an ensemble of the first experts says by itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
from method_models import EOS, VOCABULARY, MakeExpert
from peft import LoraConfig, get_peft_model
from transformers import PreTrainedModel

from ensemble_core import TokenEnsembleForCausalLM
from ensemble_core.combining import COMBINERS, combine
from ensemble_core.encoding import Encoded, TokenDataset
from ensemble_core.errors import CancelledError, DivergedError, InputError
from ensemble_core.scoring import TokenScores, score_tokens
from ensemble_core.staged import score_prefixes

ALPHAS = [0.4, 1.5, 0.9]
RULES = [*COMBINERS]


def random_tokens(generator: np.random.Generator, most: int) -> tuple[int, ...]:
    return tuple(generator.integers(3, VOCABULARY, size=generator.integers(1, most)).tolist())


@pytest.fixture(scope="module", params=["own prompts", "shared prompts"])
def data(request: pytest.FixtureRequest) -> TokenDataset:
    """Prompts and answers of unequal length; shared prompts are read once, through a cache."""
    generator = np.random.default_rng(0)
    answers = 3 if request.param == "shared prompts" else 1
    examples: list[Encoded] = []
    for _ in range(12 // answers):
        prompt = random_tokens(generator, 9)
        for _ in range(answers):
            ids = (*prompt, *random_tokens(generator, 5), EOS)
            examples.append(Encoded(ids, len(prompt)))
    return TokenDataset(examples)


@pytest.fixture(scope="module")
def base_of(make_expert: MakeExpert):
    return lambda: make_expert(0)


@pytest.fixture(scope="module")
def adapters(base_of, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folders: list[Path] = []
    for index in range(len(ALPHAS)):
        torch.manual_seed(20 + index)
        config = LoraConfig(
            r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM"
        )
        folders.append(tmp_path_factory.mktemp(f"staged_{index}"))
        get_peft_model(base_of(), config).save_pretrained(folders[-1])
    return folders


@pytest.fixture(params=["full", "lora"])
def first(request: pytest.FixtureRequest, experts, base_of, adapters):
    """Builds the ensemble of the first t experts."""

    def build(t: int, rule: str) -> TokenEnsembleForCausalLM:
        if request.param == "full":
            return TokenEnsembleForCausalLM.from_experts(experts[:t], ALPHAS[:t], rule)
        return TokenEnsembleForCausalLM.from_adapters(base_of(), adapters[:t], ALPHAS[:t], rule)

    return build


def assert_close(found: TokenScores, expected: TokenScores) -> None:
    np.testing.assert_allclose(found.log_probs, expected.log_probs, atol=1e-5)
    np.testing.assert_allclose(found.confidences, expected.confidences, atol=1e-5)
    np.testing.assert_array_equal(found.predicted, expected.predicted)


@pytest.mark.parametrize("rule", RULES)
def test_each_prefix_is_the_ensemble_of_the_first_experts(first, data: TokenDataset, rule: str):
    staged = score_prefixes(first(len(ALPHAS), rule), data, batch_size=5)
    assert len(staged.prefixes) == len(ALPHAS)
    for t, found in enumerate(staged.prefixes, start=1):
        assert_close(found, score_tokens(first(t, rule), data, batch_size=5))


def test_experts_alone_are_single_models(experts: list[PreTrainedModel], data: TokenDataset):
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS)
    staged = score_prefixes(ensemble, data)
    for found, expert in zip(staged.experts, experts, strict=True):
        assert_close(found, score_tokens(expert, data))
    np.testing.assert_array_equal(staged.experts[0].log_probs, staged.prefixes[0].log_probs)


def test_adapted_experts_alone_are_merged_models(base_of, adapters, data: TokenDataset):
    from peft import PeftModel

    ensemble = TokenEnsembleForCausalLM.from_adapters(base_of(), adapters, ALPHAS)
    for found, folder in zip(score_prefixes(ensemble, data).experts, adapters, strict=True):
        whole = PeftModel.from_pretrained(base_of(), folder).merge_and_unload().eval()
        expected = score_tokens(whole, data)
        np.testing.assert_allclose(found.log_probs, expected.log_probs, rtol=1e-4, atol=1e-4)


def test_another_rule_than_the_ensembles_own(first, data: TokenDataset):
    found = score_prefixes(first(3, "mean"), data, rule="product")
    expected = score_prefixes(first(3, "product"), data)
    assert_close(found.prefixes[-1], expected.prefixes[-1])


def test_a_rule_that_is_a_function_gets_shares(experts, data: TokenDataset):
    seen: list[torch.Tensor] = []

    def learned(log_probs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        seen.append(weights)
        return combine(log_probs, weights, "mean")

    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS)
    found = score_prefixes(ensemble, data, rule=learned)
    for prefix, expected in zip(
        found.prefixes, score_prefixes(ensemble, data).prefixes, strict=True
    ):
        assert_close(prefix, expected)
    torch.testing.assert_close(seen[0], torch.tensor(ALPHAS[:2]) / sum(ALPHAS[:2]))


def test_each_expert_reads_the_data_once(experts, data: TokenDataset):
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS)
    read: list[list[int]] = [[] for _ in experts]
    hooks = [
        expert.register_forward_pre_hook(
            lambda _, args, inputs, sizes=sizes: sizes.append(inputs["input_ids"].numel()),
            with_kwargs=True,
        )
        for expert, sizes in zip(experts, read, strict=True)
    ]
    score_tokens(experts[0], data, batch_size=4)
    alone = read[0].copy()
    read[0].clear()
    score_prefixes(ensemble, data, batch_size=4)
    for hook in hooks:
        hook.remove()
    assert len(alone) > 1
    assert read == [alone] * len(experts)


def test_one_expert_is_its_own_only_prefix(experts, data: TokenDataset):
    alone = TokenEnsembleForCausalLM.from_experts(experts[1:2], [0.3], "vote")
    staged = score_prefixes(alone, data)
    assert len(staged.prefixes) == 1
    assert_close(staged.prefixes[0], score_tokens(experts[1], data))


def test_the_mode_is_put_back_and_a_stop_is_obeyed(experts, data: TokenDataset):
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS)
    score_prefixes(ensemble, data)
    assert not ensemble.training
    ensemble.train()
    try:
        with pytest.raises(CancelledError):
            score_prefixes(ensemble, data, should_stop=lambda: True)
        assert ensemble.training
        assert all(member.training for member in ensemble.members)
    finally:
        ensemble.eval()


def test_a_first_expert_without_weight_is_refused(experts, data: TokenDataset):
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, [0, 1, 1])
    with pytest.raises(InputError, match="weight 0"):
        score_prefixes(ensemble, data)


def test_predictions_that_are_no_numbers_are_refused(make_expert: MakeExpert, data: TokenDataset):
    broken = make_expert(5)
    broken.get_output_embeddings().weight.data[7] = torch.nan
    ensemble = TokenEnsembleForCausalLM.from_experts([make_expert(4), broken], [1, 1], "vote")
    with pytest.raises(DivergedError):
        score_prefixes(ensemble, data)
