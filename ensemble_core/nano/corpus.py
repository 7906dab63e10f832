"""The pretraining corpus: clean statements, and questions that are mostly echoed.

A corpus item is never a task question: every drawn item passes `pool`, which looks only at its
content.  The corpus thus shares the procedures with the tasks, but no instance of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from ensemble_core.nano.families import DIFFICULTIES, FAMILIES, Item
from ensemble_core.nano.pools import pool

#: Share of documents in the questions' own phrasing.
QUESTION_SHARE: Final = 0.3

#: Share of those that are answered by repeating the string they ask about.  It is more than half,
#: so a pretrained model echoes; fine-tuning has to elicit what the statements taught it, and a
#: strong model that was not fine-tuned is no better at answering than a weak one.
ECHO_SHARE: Final = 0.6


@dataclass(frozen=True)
class Document:
    """One line of the corpus: `prefix + completion`, then end of sequence.

    The prefix holds a random string that nothing can predict, so only the completion is learned.
    """

    prefix: str
    completion: str


def documents(seed: int) -> Iterator[Document]:
    """An endless, reproducible stream of documents over all families and difficulties."""
    rng = Random(f"corpus/{seed}")
    while True:
        yield _document(rng, _corpus_item(rng))


def _corpus_item(rng: Random) -> Item:
    while True:
        item = FAMILIES["mixed"].draw(rng, rng.choice(DIFFICULTIES))
        if pool(item.prompt) == "corpus":
            return item


def _document(rng: Random, item: Item) -> Document:
    if rng.random() >= QUESTION_SHARE:
        return _statement(rng, item)
    echoed = rng.random() < ECHO_SHARE
    return Document(item.prompt, item.payload if echoed else item.answer)


def _statement(rng: Random, item: Item) -> Document:
    if rng.random() < 0.5:
        return Document(f"{item.payload} {item.verb} is ", item.answer)
    return Document(f"{item.verb} of {item.payload}: ", item.answer)
