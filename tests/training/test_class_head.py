"""Class heads on three families of models: put on, trained with adapters, saved, exported."""

import numpy as np
import pytest
import torch
from class_helpers import (
    FAMILIES,
    SETTINGS,
    class_log_probs,
    make_llama,
    make_remainders,
    token_error,
)
from safetensors.torch import load_file
from tiny_models import CONTEXT, make_model
from transformers import AutoModelForSequenceClassification, Gemma2Config, Gemma2ForCausalLM

from ensemble_core.classification import class_data, class_names
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.errors import InputError
from ensemble_core.models.adapters import merge_adapter
from ensemble_core.models.class_head import (
    add_class_head,
    add_class_lora,
    count_classes,
    load_class_adapter,
    load_class_model,
    save_class_adapter,
    save_class_model,
    to_sequence_classifier,
)
from ensemble_core.settings import LoraSettings
from ensemble_core.training import train

IDS = torch.tensor([[5, 6, 7, 8]])


@pytest.fixture(scope="module")
def labelled():
    return make_remainders(160, seed=0)


@pytest.fixture(scope="module")
def unseen():
    return make_remainders(40, seed=1)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_a_head_replaces_the_output_embeddings_alone(family):
    plain = FAMILIES[family]()
    hidden = plain.base_model(IDS).last_hidden_state
    model = add_class_head(FAMILIES[family](), 5, 7)
    head = model.get_output_embeddings().weight
    torch.testing.assert_close(model(IDS).logits, hidden @ head.T)
    torch.testing.assert_close(model.get_input_embeddings().weight,
                               plain.get_input_embeddings().weight)  # fmt: skip
    assert (head.shape, count_classes(model)) == ((5, 32), 5)
    assert torch.equal(
        add_class_head(FAMILIES[family](), 5, 7).get_output_embeddings().weight, head
    )
    assert not torch.equal(add_class_head(plain, 5, 8).get_output_embeddings().weight, head)
    model.tie_weights()
    TokenEnsembleForCausalLM.from_experts([model], [1.0])  # ties what its experts tied
    assert model.get_output_embeddings().weight is head


def test_the_heads_spread_is_that_of_the_model():
    head = add_class_head(make_model(hidden=512, initializer_range=0.5), 9, 0)
    assert float(head.get_output_embeddings().weight.detach().std()) == pytest.approx(0.5, rel=0.05)
    with pytest.raises(ValueError, match="at least two classes"):
        add_class_head(make_model(), 1, 0)
    with pytest.raises(InputError, match="no output embeddings"):
        add_class_head(make_model().base_model, 2, 0)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_saving_loading_and_export_keep_the_logits(family, tokenizer, unseen, tmp_path):
    model = add_class_head(FAMILIES[family](), 3, 0)
    logits = model(IDS).logits
    save_class_model(model, tmp_path / "own")
    loaded = load_class_model(tmp_path / "own")
    assert torch.equal(loaded(IDS).logits, logits)
    assert count_classes(loaded) == 3
    assert not loaded.training
    names = class_names(unseen)
    exported = to_sequence_classifier(loaded, names=names, pad_token_id=tokenizer.pad_token_id)
    exported.save_pretrained(tmp_path / "standard")
    standard = AutoModelForSequenceClassification.from_pretrained(tmp_path / "standard").eval()
    batch = tokenizer([q.prompt.rstrip() for q in unseen], padding=True, return_tensors="pt")
    assert (batch["attention_mask"] == 0).any()
    given = standard(**batch).logits.log_softmax(-1)
    np.testing.assert_allclose(given, class_log_probs(model, tokenizer, unseen), atol=1e-5)
    assert standard.config.id2label == {0: "none", 1: "one", 2: "two"}


@pytest.mark.parametrize("family", FAMILIES)
def test_adapters_and_the_whole_head_are_trained_saved_and_merged(
    family, tokenizer, labelled, tmp_path
):
    data = class_data(tokenizer, labelled, max_length=CONTEXT)
    model = add_class_lora(add_class_head(FAMILIES[family](), 3, 0), LoraSettings(rank=2), seed=0)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    assert token_error(model, data) > 0.4
    train(model, data, SETTINGS, seed=0)
    assert token_error(model, data) < 0.1
    changed = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert changed == {n for n in before if "lora_" in n or n.endswith("lm_head.weight")}
    save_class_adapter(model, tmp_path)
    assert load_file(tmp_path / "class_head.safetensors")["weight"].shape == (3, 32)
    loaded = load_class_adapter(FAMILIES[family](), tmp_path)
    with torch.no_grad():
        expected = model.eval()(IDS).logits
        torch.testing.assert_close(loaded(IDS).logits, expected)
        assert not any(p.requires_grad for p in loaded.parameters())
        with pytest.raises(InputError, match="carries adapters"):
            to_sequence_classifier(loaded)
        merged = merge_adapter(loaded)
        torch.testing.assert_close(merged(IDS).logits, expected, atol=1e-4, rtol=1e-4)
        standard = to_sequence_classifier(merged, pad_token_id=0)
        torch.testing.assert_close(standard(IDS).logits, merged(IDS).logits[:, -1])
    again = load_class_adapter(FAMILIES[family](), tmp_path, trainable=True)
    trainable = {n for n, p in again.named_parameters() if p.requires_grad}
    assert trainable == changed


def test_an_adapter_on_the_head_is_refused():
    model = add_class_head(make_model(), 3, 0)
    with pytest.raises(InputError, match=r"adapter\.targets.*trained as a whole"):
        add_class_lora(model, LoraSettings(targets=("query_key_value", "lm_head")), seed=0)


def test_folders_that_hold_no_classifier(tmp_path):
    with pytest.raises(InputError, match="can't be loaded"):
        load_class_model(tmp_path)
    make_model().save_pretrained(tmp_path / "plain")
    with pytest.raises(InputError, match="can't be loaded"):
        load_class_model(tmp_path / "plain")
    save_class_model(add_class_head(make_model(), 3, 0), tmp_path / "damaged")
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(InputError, match="can't be loaded"):
        load_class_model(tmp_path / "damaged")
    with pytest.raises(InputError, match=r"needs class_head\.safetensors"):
        load_class_adapter(make_model(), tmp_path)
    model = add_class_lora(add_class_head(make_model(), 3, 0), LoraSettings(), seed=0)
    save_class_adapter(model, tmp_path / "adapter")
    with pytest.raises(InputError, match="reads 32 features, the model has 64"):
        load_class_adapter(make_model(hidden=64), tmp_path / "adapter")


def test_models_without_an_equal_standard_classifier():
    capped = make_llama(Gemma2Config, Gemma2ForCausalLM, head_dim=16, final_logit_softcapping=0.1)
    with pytest.raises(InputError, match="no sequence classifier that equals"):
        to_sequence_classifier(add_class_head(capped, 3, 0))
    unpadded = add_class_head(make_model(), 3, 0)
    unpadded.config.pad_token_id = unpadded.config.eos_token_id = None
    with pytest.raises(InputError, match="padding token"):
        to_sequence_classifier(unpadded)
    with pytest.raises(ValueError, match="3 classes, 2 names"):
        to_sequence_classifier(unpadded, names=["a", "b"], pad_token_id=0)
