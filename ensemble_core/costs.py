"""Estimates of floating-point operations."""

from typing import Any

from torch import nn


def training_flops(model: nn.Module, tokens: int) -> float:
    """6 · N · tokens (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).

    2N forward, 2N backward to the activations, 2N backward to the weights; the last only for the
    weights that are trained, which makes it 4N and a little with adapters. N leaves out the input
    embeddings, which multiply nothing, and counts the output head, which the paper leaves out and
    which is a large share of a small model. Attention's own products are left out, as there.
    """
    everything, trained = _multiplied(model, False), _multiplied(model, True)
    return float((4 * everything + 2 * trained) * tokens)


def inference_flops(model: nn.Module, tokens: int) -> float:
    """2 · N · tokens, of the same source and with the same N; tokens are those read or written.

    Adapters that share a base in memory are each run with it: its parameters count T times.
    """
    n_adapters = len(getattr(getattr(model, "config", None), "adapter_configs", None) or [])
    again = (n_adapters - 1) * _multiplied(model, False, without="lora_") if n_adapters else 0
    return float(2 * (_multiplied(model, False) + again) * tokens)


def _multiplied(model: Any, trained_only: bool, without: str | None = None) -> int:
    """Parameters that take part in a product, each once (tied ones belong to the head).

    `without` leaves out those with this text in their name.
    """
    heads = {id(p) for m in _heads(model) for p in m.parameters()}
    lookups = {
        id(p) for m in model.modules() if isinstance(m, nn.Embedding) for p in m.parameters()
    }
    return sum(
        p.numel()
        for name, p in model.named_parameters()
        if (p.requires_grad or not trained_only)
        and (id(p) not in lookups or id(p) in heads)
        and (without is None or without not in name)
    )


def _heads(model: Any) -> list[nn.Module]:
    """The output heads: an ensemble has one in each member."""
    causal = [m for m in model.modules() if callable(getattr(m, "get_output_embeddings", None))]
    heads = [m.get_output_embeddings() for m in causal]
    return [head for head in heads if isinstance(head, nn.Module)]
