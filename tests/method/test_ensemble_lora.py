"""T adapters over one base: the same answers as T adapted models, with one base in memory."""

import json
from pathlib import Path

import pytest
import torch
from method_models import MakeExpert
from peft import LoraConfig, get_peft_model
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from ensemble_core import TokenEnsembleForCausalLM
from ensemble_core.combining import combine
from ensemble_core.errors import InputError

ALPHAS = [1.0, 2.0, 0.5]


@pytest.fixture(scope="module")
def base_of(make_expert: MakeExpert):
    """A fresh copy of the one base; its head is tied, as small models' often are."""
    return lambda: make_expert(0, tie_word_embeddings=True)


@pytest.fixture(scope="module")
def adapters(base_of, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three adapters as PEFT saves them, random as if trained; the ranks differ."""
    folders: list[Path] = []
    for index, rank in enumerate((4, 2, 4)):
        torch.manual_seed(10 + index)
        config = LoraConfig(
            r=rank, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM"
        )
        folders.append(tmp_path_factory.mktemp(f"adapter_{index}"))
        get_peft_model(base_of(), config).save_pretrained(folders[-1])
    return folders


@pytest.fixture(scope="module")
def merged(base_of, adapters: list[Path]) -> list[PreTrainedModel]:
    """The independent form: three whole models with the adapters merged into their weights."""
    from peft import PeftModel

    return [
        PeftModel.from_pretrained(base_of(), folder).merge_and_unload().eval()
        for folder in adapters
    ]


@pytest.fixture(scope="module")
def ensemble(base_of, adapters: list[Path]) -> TokenEnsembleForCausalLM:
    return TokenEnsembleForCausalLM.from_adapters(base_of(), adapters, ALPHAS)


@torch.no_grad()
def test_each_expert_is_its_adapted_model(
    ensemble: TokenEnsembleForCausalLM, merged: list[PreTrainedModel], tokens: Tensor
):
    expected = torch.stack([model(tokens).logits.log_softmax(-1) for model in merged])
    found = ensemble.expert_log_probs(tokens)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        ensemble(tokens).logits, combine(expected, ALPHAS, "mean"), rtol=1e-4, atol=1e-4
    )


def test_decodes_like_the_ensemble_of_whole_models(
    ensemble: TokenEnsembleForCausalLM,
    merged: list[PreTrainedModel],
    left_padded: dict[str, Tensor],
):
    whole = TokenEnsembleForCausalLM.from_experts(merged, ALPHAS)
    for options in ({"do_sample": False}, {"num_beams": 2}):
        assert torch.equal(
            ensemble.generate(**left_padded, max_new_tokens=10, **options),
            whole.generate(**left_padded, max_new_tokens=10, **options),
        )


def test_the_base_is_held_once(ensemble: TokenEnsembleForCausalLM, base_of):
    base = base_of().num_parameters()
    adapters = sum(
        parameter.numel() for name, parameter in ensemble.named_parameters() if "lora_" in name
    )
    assert adapters > 0
    assert ensemble.num_parameters() == base + adapters
    assert len(ensemble.members) == 1


@torch.no_grad()
def test_saving_and_loading_by_the_auto_classes(
    ensemble: TokenEnsembleForCausalLM, tokens: Tensor, tmp_path: Path
):
    ensemble.save_pretrained(tmp_path)
    weights = (tmp_path / "model.safetensors").stat().st_size
    assert weights < 4 * ensemble.num_parameters() + 20_000  # float32, and the header
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(loaded(tokens).logits, ensemble(tokens).logits)
    assert torch.equal(
        loaded.generate(tokens, max_new_tokens=6, do_sample=False),
        ensemble.generate(tokens, max_new_tokens=6, do_sample=False),
    )


@torch.no_grad()
def test_one_adapter_is_itself(base_of, adapters: list[Path], merged, tokens: Tensor):
    alone = TokenEnsembleForCausalLM.from_adapters(base_of(), adapters[1:2], [0.2], "vote")
    expected = merged[1](tokens).logits.log_softmax(-1)
    torch.testing.assert_close(alone(tokens).logits, expected, rtol=1e-4, atol=1e-4)


class TestRefusals:
    def test_a_folder_without_an_adapter(self, base_of, tmp_path: Path):
        with pytest.raises(InputError, match=r"adapter_config\.json"):
            TokenEnsembleForCausalLM.from_adapters(base_of(), [tmp_path], [1])

    def test_a_pickled_adapter(self, base_of, adapters: list[Path], tmp_path: Path):
        (tmp_path / "adapter_config.json").write_bytes(
            (adapters[0] / "adapter_config.json").read_bytes()
        )
        (tmp_path / "adapter_model.bin").write_bytes(b"")
        with pytest.raises(InputError, match=r"adapter_model\.safetensors"):
            TokenEnsembleForCausalLM.from_adapters(base_of(), [tmp_path], [1])

    def test_an_adapter_with_whole_layers(self, base_of, adapters: list[Path], tmp_path: Path):
        for path in adapters[0].iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        config = json.loads((tmp_path / "adapter_config.json").read_text())
        config["modules_to_save"] = ["embed_in"]
        (tmp_path / "adapter_config.json").write_text(json.dumps(config))
        with pytest.raises(InputError, match="modules_to_save"):
            TokenEnsembleForCausalLM.from_adapters(base_of(), [tmp_path], [1])

    def test_a_base_with_adapters(self, base_of, adapters: list[Path]):
        base = base_of()
        TokenEnsembleForCausalLM.from_adapters(base, adapters[:1], [1])
        with pytest.raises(InputError, match="already carries"):
            TokenEnsembleForCausalLM.from_adapters(base, adapters[:1], [1])

    def test_an_adapted_model_as_a_whole_expert(self, base_of):
        adapted = get_peft_model(base_of(), LoraConfig(target_modules="all-linear"))
        for expert in (adapted, adapted.get_base_model()):
            with pytest.raises(InputError, match="from_adapters"):
                TokenEnsembleForCausalLM.from_experts([expert], [1])
