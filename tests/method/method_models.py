"""Tiny experts, random but with opinions: their weights are drawn wide, so argmaxes are clear."""

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import settings
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedModel

VOCABULARY, BOS, EOS, PAD = 64, 0, 1, 2

MakeExpert = Callable[..., PreTrainedModel]

# The same examples each time, and no failures for a busy machine.
repeatable = settings(derandomize=True, deadline=None, database=None)


def make_tiny_expert(seed: int, **changes: Any) -> PreTrainedModel:
    """A GPT-NeoX model of two blocks; keyword arguments change its configuration."""
    torch.manual_seed(seed)
    fields: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 128,
        "initializer_range": 0.3,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "pad_token_id": PAD,
    }
    return GPTNeoXForCausalLM(GPTNeoXConfig(**{**fields, **changes})).eval()
