"""The ladder of nano models: GPT-NeoX, Pythia's architecture; two sizes have a long context."""

from dataclasses import MISSING, asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal

from ensemble_core.nano.tokenizer import EOS_TOKEN, PAD_TOKEN, VOCABULARY

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig

#: What a model is pretrained on, see `corpus`.
CorpusName = Literal["procedures", "counts"]

#: Longest sequence in tokens; questions of the hardest grade take about 25.
CONTEXT_LENGTH: Final = 64

#: The longest answer of the family `count` takes 1,992 tokens, its prompt 23.
LONG_CONTEXT_LENGTH: Final = 2176

#: Goes up whenever the same size and seed would give another model.
VERSION: Final = 1


@dataclass(frozen=True)
class NanoSize:
    """An architecture with its pretraining recipe."""

    name: str
    hidden: int
    """Width d; the feed-forward layers are 4 d wide."""
    layers: int
    heads: int
    steps: int
    """Optimizer steps of pretraining."""
    batch_size: int
    """Documents per step."""
    learning_rate: float
    """Peak learning rate of AdamW."""
    context: int = CONTEXT_LENGTH
    """Longest sequence in tokens."""
    corpus: CorpusName = "procedures"
    """What it is pretrained on."""
    batch_tokens: int | None = None
    """Tokens per step at most, padding included; default: no limit."""

    @property
    def parameters(self) -> int:
        """Number of parameters: embeddings in and out, and blocks of 12 d² + 13 d, and a norm."""
        d = self.hidden
        return 2 * len(VOCABULARY) * d + self.layers * (12 * d * d + 13 * d) + 2 * d


_LADDER = (
    NanoSize("nano-xs", 32, 2, 2, steps=4500, batch_size=32, learning_rate=4e-3),
    NanoSize("nano-s", 64, 2, 4, steps=4500, batch_size=32, learning_rate=3e-3),
    NanoSize("nano-m", 128, 3, 4, steps=3200, batch_size=32, learning_rate=2e-3),
    NanoSize("nano-l", 192, 4, 6, steps=3200, batch_size=32, learning_rate=1e-3),
    NanoSize(
        "nano-long-s",
        64,
        2,
        4,
        steps=2600,
        batch_size=64,
        learning_rate=4e-3,
        context=LONG_CONTEXT_LENGTH,
        corpus="counts",
        batch_tokens=2048,
    ),
    NanoSize(
        "nano-long-m",
        96,
        3,
        6,
        steps=2600,
        batch_size=64,
        learning_rate=3e-3,
        context=LONG_CONTEXT_LENGTH,
        corpus="counts",
        batch_tokens=2048,
    ),
)

#: The sizes by name, smallest first; then those of long context.
SIZES: Final = {size.name: size for size in _LADDER}


def model_config(size: str | NanoSize) -> "GPTNeoXConfig":
    """The untrained model's configuration.

    Raises:
        ValueError: No size has this name.
    """
    from transformers import GPTNeoXConfig

    made = find_size(size) if isinstance(size, str) else size
    return GPTNeoXConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=made.hidden,
        num_hidden_layers=made.layers,
        num_attention_heads=made.heads,
        intermediate_size=4 * made.hidden,
        max_position_embeddings=made.context,
        # All of a head's 16 or 32 dimensions rotate: Pythia's quarter of so few can't tell
        # positions apart.
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "partial_rotary_factor": 1.0,
        },
        bos_token_id=VOCABULARY.index(EOS_TOKEN),
        eos_token_id=VOCABULARY.index(EOS_TOKEN),
        pad_token_id=VOCABULARY.index(PAD_TOKEN),
        tie_word_embeddings=False,
        hidden_dropout=0.0,
        attention_dropout=0.0,
    )


def find_size(name: str) -> NanoSize:
    """Look a size up.

    Raises:
        ValueError: No size has this name.
    """
    if name not in SIZES:
        raise ValueError(f"unknown nano size '{name}'; known: {', '.join(SIZES)}")
    return SIZES[name]


def recipe(name: str) -> dict[str, Any]:
    """Everything but the seed that decides a pretrained model, as JSON values.

    Raises:
        ValueError: No size has this name.
    """
    from ensemble_core.nano.families import VERSION as FAMILIES_VERSION

    told = asdict(find_size(name))
    # What a size leaves at its default is no part of its recipe: a new option makes no new models.
    for field in fields(NanoSize):
        if field.default is not MISSING and told[field.name] == field.default:
            del told[field.name]
    return {**told, "version": VERSION, "families": FAMILIES_VERSION}
