"""A weak model out of a strong one's checkpoint: its first blocks."""

from typing import Any

from torch import nn

from ensemble_core.errors import InputError


def keep_first_blocks(model: Any, n: int) -> Any:
    """Drop all transformer blocks but the first n, in place; embeddings and head stay.

    Works on every architecture whose blocks are one `ModuleList` (GPT-NeoX, GPT-2, Llama and
    most others). No weight is copied.

    Args:
        model: A causal LM.
        n: Blocks to keep, from 1 to all.

    Returns:
        The same model, its configuration changed to match.

    Raises:
        InputError: The model has fewer than n blocks, or they can't be found.
    """
    config = model.config.get_text_config()
    total = int(config.num_hidden_layers)
    if not 1 <= n <= total:
        raise InputError(
            f"the model has {total} blocks; {n} can't be kept",
            where=str(config.model_type),
            hint=f"set layers between 1 and {total}",
        )
    owner, name = _find_blocks(model, total)
    setattr(owner, name, getattr(owner, name)[:n])
    for field, value in vars(config).items():  # such as layer_types: one entry per block
        if isinstance(value, list) and len(value) == total:
            setattr(config, field, value[:n])
    config.num_hidden_layers = n
    return model


def _find_blocks(model: nn.Module, total: int) -> tuple[nn.Module, str]:
    found = [
        (owner, name)
        for owner in model.modules()
        for name, child in owner.named_children()
        if isinstance(child, nn.ModuleList) and len(child) == total
    ]
    if len(found) != 1:
        raise InputError(
            f"{len(found)} lists of {total} blocks in this architecture; one is needed",
            where=type(model).__name__,
            hint="`layers` can't cut this model",
        )
    return found[0]
