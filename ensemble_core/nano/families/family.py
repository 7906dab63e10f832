"""A family of generated questions: one operation on one alphabet, or a mix of families."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from ensemble_core.nano.families.choices import make_choices
from ensemble_core.nano.families.operations import Operation

#: Grades of difficulty; each one makes the string that a question is about one longer, or its
#: answer where the family counts.
DIFFICULTIES: Final = (1, 2, 3, 4)


@dataclass(frozen=True)
class Item:
    """One exercise before it is phrased as a question or a statement."""

    verb: str
    payload: str
    answer: str
    alphabet: str
    difficulty: int

    @property
    def prompt(self) -> str:
        """The question; the answer follows at once, without a space."""
        return f"Q:{self.verb} {self.payload} A:"


@dataclass(frozen=True)
class GeneratedQuestion:
    """A question with its exact answer.

    `prompt` ends in `A:` and the answer follows at once: `prompt + answer` is the text that a
    model is trained on, plus the end-of-sequence token.
    """

    prompt: str
    answer: str
    choices: tuple[str, ...]
    """Four distinct strings, the answer among them; none in a family without choices."""
    difficulty: int
    """A member of `DIFFICULTIES`."""


@dataclass(frozen=True)
class Family:
    """A kind of question; a pure function from a random source and a difficulty to an item."""

    name: str
    draw: Callable[[Random, int], Item]
    has_choices: bool = True


def difficulty_label(difficulty: int) -> Literal["easy", "hard"]:
    """The lower half of `DIFFICULTIES` is easy, the upper half hard."""
    return "easy" if difficulty <= DIFFICULTIES[len(DIFFICULTIES) // 2 - 1] else "hard"


def to_question(rng: Random, item: Item, has_choices: bool = True) -> GeneratedQuestion:
    """Phrase an item as a question and draw wrong choices for it."""
    choices = ()
    if has_choices:
        choices = make_choices(rng, item.answer, item.payload, item.alphabet)
    return GeneratedQuestion(item.prompt, item.answer, choices, item.difficulty)


def single(name: str, operation: Operation, alphabet: str) -> Family:
    """The family of one operation on one alphabet."""

    def draw(rng: Random, difficulty: int) -> Item:
        length = operation.shortest + difficulty
        while True:
            payload = "".join(rng.choice(alphabet) for _ in range(length))
            # `keep` may keep nothing, and an empty answer can't be scored.
            if answer := operation.rule(payload, alphabet):
                return Item(operation.verb, payload, answer, alphabet, difficulty)

    return Family(name, draw)


def mix(name: str, members: tuple[Family, ...]) -> Family:
    """A family that draws each item from one of its members, all equally likely."""

    def draw(rng: Random, difficulty: int) -> Item:
        return rng.choice(members).draw(rng, difficulty)

    return Family(name, draw)
