"""Whether two models read and write the same tokens, as the experts of one ensemble must."""

from ensemble_core.models.load import load_output_width, load_tokenizer
from ensemble_core.settings import ModelRef


def token_mismatch(first: ModelRef, second: ModelRef) -> str | None:
    """What keeps the second model from sharing an ensemble with the first; None for nothing.

    Reads the tokenizers and configurations, not the weights.

    Raises:
        InputError: One of them can't be read.
        HubError: The hub does not answer, and a model is not in its local cache.
    """
    if load_tokenizer(first).get_vocab() != load_tokenizer(second).get_vocab():
        return "its tokenizer is another"
    widths = load_output_width(first), load_output_width(second)
    if widths[0] != widths[1]:
        return f"its vocabulary is padded to {widths[1]} tokens, not to {widths[0]}"
    return None
