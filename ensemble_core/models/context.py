"""How many tokens a model can read."""

from typing import Any

from ensemble_core.errors import InputError


def context_length(config: Any, limit: int | None = None) -> int:
    """Tokens that fit the model's context, or `limit` where that is less.

    Raises:
        InputError: The configuration states no context length and there is no limit.
    """
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    length = getattr(text, "max_position_embeddings", None)
    found = [int(n) for n in (length, limit) if n]
    if not found:
        raise InputError(
            "the model's configuration states no context length",
            where=str(getattr(config, "model_type", "model")),
            hint="set max_length",
        )
    return min(found)
