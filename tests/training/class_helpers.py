"""Models of three families, a task of three classes, and its log-probabilities in a loop."""

import random

import torch
from tiny_models import CONTEXT, make_model
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from ensemble_core.scoring import score_tokens
from ensemble_core.settings import TrainingSettings
from ensemble_core.tasks.question import Question

WIDE = 0.1
"""Spread of the first weights: a frozen body that was never trained still tells inputs apart."""
SETTINGS = TrainingSettings(epochs=6, batch_size=16, learning_rate=1e-2)


def make_gpt2():
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_head": 2, "n_positions": CONTEXT, "n_layer": 2}
    drops = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    ends = {"bos_token_id": 1, "eos_token_id": 1}
    config = GPT2Config(vocab_size=98, initializer_range=WIDE, **sizes, **drops, **ends)
    return GPT2LMHeadModel(config).eval()


def make_llama(config=LlamaConfig, model=LlamaForCausalLM, **more):
    torch.manual_seed(0)
    return model(
        config(
            vocab_size=98,
            hidden_size=32,
            intermediate_size=64,
            num_attention_heads=2,
            num_key_value_heads=2,
            num_hidden_layers=2,
            max_position_embeddings=CONTEXT,
            initializer_range=WIDE,
            **more,
        )
    ).eval()


FAMILIES = {
    "gpt_neox": lambda: make_model(initializer_range=WIDE),
    "gpt2": make_gpt2,
    "llama": make_llama,
    "tied_llama": lambda: make_llama(tie_word_embeddings=True),
}


def make_remainders(n, seed):
    """Numbers; the class is what is left of the last digit, divided by three."""
    rng = random.Random(seed)
    numbers = [rng.randrange(10 ** rng.randrange(1, 5)) for _ in range(n)]
    choices = (" none", " one", " two")
    return [Question(f"left of {v} ", choices[v % 10 % 3], choices, task="left") for v in numbers]


@torch.no_grad()
def class_log_probs(model, tokenizer, questions):
    """One prompt at a time, [n, K] in float64."""
    rows = [
        model(torch.tensor([tokenizer(q.prompt.rstrip())["input_ids"]])).logits[0, -1].double()
        for q in questions
    ]
    return torch.stack(rows).log_softmax(-1).numpy()


def token_error(model, data):
    """The share of answer tokens that are not the likeliest."""
    return (score_tokens(model, data).predicted != data.answer_tokens).mean()
