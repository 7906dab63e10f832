"""Tiny untrained models that read real text: GPT-NeoX's way of tokenising it, and Llama's."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

Family = Literal["gpt-neox", "llama"]
VOCABULARY = 512


def make_text_tokenizer(family: Family, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Byte-pair encoding learned from some texts; Llama's puts beginning of sequence first."""
    return _neox(texts) if family == "gpt-neox" else _llama(texts)


def _neox(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = "<|endoftext|>"
    _learn(tokenizer, texts, [special], pre_tokenizers.ByteLevel.alphabet())
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=special, eos_token=special, unk_token=special
    )


def _llama(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    single_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    _learn(tokenizer, texts, ["<unk>", "<s>", "</s>", *single_bytes], [])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def _learn(tokenizer: Any, texts: Iterable[str], special: list[str], letters: list[str]) -> None:
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=letters, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)


def make_text_model(family: Family, seed: int, **changes: Any) -> PreTrainedModel:
    """Two blocks, weights drawn wide, so that choices differ clearly in their likelihood."""
    torch.manual_seed(seed)
    fields: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "initializer_range": 0.2,
        "bos_token_id": 1 if family == "llama" else 0,
        "eos_token_id": 2 if family == "llama" else 0,
    } | changes
    if family == "llama":
        return LlamaForCausalLM(LlamaConfig(**fields)).eval()
    return GPTNeoXForCausalLM(GPTNeoXConfig(**fields)).eval()


def save(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> Path:
    """Write both where `from_pretrained` finds them."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def all_texts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What a tokenizer may learn from: questions and choices of either set's rows."""
    found: list[str] = []
    for row in rows:
        choices = row["choices"]
        texts = choices["text"] if isinstance(choices, dict) else choices
        found += [f"Question: {row['question']}\nAnswer:", *(f" {text}" for text in texts)]
    return found
