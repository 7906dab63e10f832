"""A character tokenizer, an arithmetic task, and models small enough to train in a second."""

import random

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

from ensemble_core.tasks.question import Question

CONTEXT = 32


def make_tokenizer(eos: str | None = "<eos>") -> PreTrainedTokenizerFast:
    """One token per character."""
    characters = [chr(code) for code in range(32, 127)]
    vocabulary = {token: i for i, token in enumerate(["<pad>", "<eos>", "<unk>", *characters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=eos, pad_token="<pad>", unk_token="<unk>"
    )


def make_model(seed: int = 0, hidden: int = 32, layers: int = 2, vocab: int = 98, **config):
    torch.manual_seed(seed)
    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=vocab,
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=2,
            intermediate_size=2 * hidden,
            max_position_embeddings=CONTEXT,
            hidden_dropout=0.0,
            attention_dropout=0.0,
            bos_token_id=1,
            eos_token_id=1,
            pad_token_id=0,
            **config,
        )
    ).eval()


def make_questions(n: int, seed: int = 0) -> list[Question]:
    """Sums of small numbers with three choices, prompts and answers of unequal length."""
    rng = random.Random(seed)
    questions: list[Question] = []
    for _ in range(n):
        a, b = rng.randrange(12), rng.randrange(12)
        wrong = rng.sample([v for v in range(24) if v != a + b], 2)
        choices = [f" {v}" for v in (a + b, *wrong)]
        rng.shuffle(choices)
        questions.append(Question(f"{a}+{b}=", f" {a + b}", tuple(choices), task="sums"))
    return questions
