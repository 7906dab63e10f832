"""The pretraining corpus: clean statements and half-wrong questions about every operation.

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

#: Share of those whose answer is replaced by random characters.  The model half knows how a
#: question is answered; fine-tuning has to elicit what the statements taught it.
WRONG_SHARE: Final = 0.5


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
    wrong = rng.random() < WRONG_SHARE
    return Document(item.prompt, _scrambled(rng, item) if wrong else item.answer)


def _statement(rng: Random, item: Item) -> Document:
    if rng.random() < 0.5:
        return Document(f"{item.payload} {item.verb} is ", item.answer)
    return Document(f"{item.verb} of {item.payload}: ", item.answer)


def _scrambled(rng: Random, item: Item) -> str:
    """Random characters, as many as the answer has."""
    return "".join(rng.choice(item.alphabet) for _ in item.answer)
