"""The pretraining corpus: clean statements, and questions that are mostly echoed.

A corpus item is never a task question: every drawn item passes `pool`, which looks only at its
content.  The corpus thus shares the procedures with the tasks, but no instance of them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from ensemble_core.nano.families import DIFFICULTIES, FAMILIES, Item
from ensemble_core.nano.families.alphabets import ALPHABETS
from ensemble_core.nano.families.counting import SEPARATOR, STEPS, counted
from ensemble_core.nano.ladder import CorpusName
from ensemble_core.nano.pools import pool

#: Share of documents in the questions' own phrasing.
QUESTION_SHARE: Final = 0.3

#: Share of those that are answered by repeating the string they ask about.  It is more than half,
#: so a pretrained model echoes; fine-tuning has to elicit what the statements taught it, and a
#: strong model that was not fine-tuned is no better at answering than a weak one.
ECHO_SHARE: Final = 0.6

#: Share of documents of the corpus `counts` that are as long as the questions of grades 2 to 4.
LONG_SHARE: Final = 0.08

#: How many characters the pattern fixes, how far the other documents then count at most, and how
#: many documents of each kind there are to one of the other.
SHORT_COUNTS: Final = {1: 9, 3: 130}
COUNT_WEIGHTS: Final = (3, 2)


@dataclass(frozen=True)
class Document:
    """One line of the corpus: `prefix + completion`, then end of sequence.

    The prefix holds a random string that nothing can predict, so only the completion is learned.
    """

    prefix: str
    completion: str


def documents(seed: int, corpus: CorpusName = "procedures") -> Iterator[Document]:
    """An endless, reproducible stream of documents over all families and difficulties."""
    rng = Random(f"corpus/{seed}")
    source = _SOURCES[corpus]
    while True:
        item = source.draw(rng)
        if pool(item.prompt) == "corpus":
            yield _document(rng, item, source.state)


@dataclass(frozen=True)
class _Source:
    """What a corpus is about, and how it states that."""

    draw: Callable[[Random], Item]
    state: Callable[[Random, Item], Document]


def _document(rng: Random, item: Item, state: Callable[[Random, Item], Document]) -> Document:
    if rng.random() >= QUESTION_SHARE:
        return state(rng, item)
    echoed = rng.random() < ECHO_SHARE
    return Document(item.prompt, item.payload if echoed else item.answer)


def _procedure(rng: Random) -> Item:
    return FAMILIES["mixed"].draw(rng, rng.choice(DIFFICULTIES))


def _procedure_statement(rng: Random, item: Item) -> Document:
    if rng.random() < 0.5:
        return Document(f"{item.payload} {item.verb} is ", item.answer)
    return Document(f"{item.verb} of {item.payload}: ", item.answer)


def _count(rng: Random) -> Item:
    """Mostly short, a few as long as the longest questions: a long one costs as much as many."""
    alphabet = rng.choice(tuple(ALPHABETS.values()))
    if rng.random() < LONG_SHARE:
        difficulty = rng.choice(DIFFICULTIES[1:])
        return counted(rng, alphabet, 3, rng.randint(*STEPS[difficulty]), difficulty)
    (zeros,) = rng.choices(tuple(SHORT_COUNTS), COUNT_WEIGHTS)
    return counted(rng, alphabet, zeros, rng.randint(1, SHORT_COUNTS[zeros]), 1)


def _count_statement(rng: Random, item: Item) -> Document:
    """In either phrasing the string stands as far from its copy as in a question."""
    steps = item.answer.replace(SEPARATOR, ",")
    if rng.random() < 0.5:
        return Document(f"{item.verb} from {item.payload} is ", steps)
    return Document(f"apply {item.verb} {item.payload} gives ", steps)


_SOURCES: Final[Mapping[CorpusName, _Source]] = {
    "procedures": _Source(_procedure, _procedure_statement),
    "counts": _Source(_count, _count_statement),
}
