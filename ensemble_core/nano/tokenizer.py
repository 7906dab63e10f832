"""The one tokenizer of the nano suite: characters plus the corpus's own words."""

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # sweep files are checked against the ladder, which needs none of this
    from transformers import PreTrainedTokenizerFast

PAD_TOKEN: Final = "<pad>"
EOS_TOKEN: Final = "<eos>"
UNK_TOKEN: Final = "<unk>"

#: Words that are one token each.  Every word holds a letter that no generated payload
#: uses (payloads are made of a-j and digits), so a payload is always split into characters.
WORDS: Final = ("sort", "reverse", "next", "keep", "is", "of", "what", "gives", "after", "apply")

#: Printable ASCII and the newline: any ASCII text survives encode -> decode.
CHARACTERS: Final = (*(chr(code) for code in range(32, 127)), "\n")

VOCABULARY: Final = (PAD_TOKEN, EOS_TOKEN, UNK_TOKEN, *CHARACTERS, *WORDS)


def _splitting_pattern() -> str:
    """A known word between word boundaries, else one character (newlines included)."""
    words = "|".join(re.escape(word) for word in sorted(WORDS, key=len, reverse=True))
    return rf"\b(?:{words})\b|[\s\S]"


def build_tokenizer() -> "PreTrainedTokenizerFast":
    """Build the nano tokenizer; the same call always gives the same vocabulary and ids.

    Text of printable ASCII and newlines is decoded to exactly what was encoded; any other
    character becomes `<unk>`.  No special token is added while encoding: whoever trains on
    an answer appends `eos_token_id`.  Padding is on the left, as generation needs it.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(
        models.WordLevel({token: i for i, token in enumerate(VOCABULARY)}, unk_token=UNK_TOKEN)
    )
    pattern = Regex(_splitting_pattern())
    tokenizer.pre_tokenizer = pre_tokenizers.Split(pattern, behavior="isolated")
    # Spaces are tokens of their own, so decoding joins the tokens with nothing in between.
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD_TOKEN,
        eos_token=EOS_TOKEN,
        unk_token=UNK_TOKEN,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
