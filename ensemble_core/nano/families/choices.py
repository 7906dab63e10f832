"""Wrong choices for generated questions: near misses, so that choosing needs the skill."""

from random import Random
from typing import Final

N_CHOICES: Final = 4


def make_choices(rng: Random, answer: str, payload: str, alphabet: str) -> tuple[str, ...]:
    """Return `N_CHOICES` distinct strings over the alphabet, the answer among them, shuffled.

    The payload itself is a wrong choice where it is one; the others are the answer with one or
    more characters replaced, as long as the answer, so that length does not give it away.
    """
    found = {answer}
    if len(payload) == len(answer):
        found.add(payload)
    while len(found) < N_CHOICES:
        found.add(_near_miss(rng, answer, alphabet))
    choices = sorted(found)  # a set has no stable order
    rng.shuffle(choices)
    return tuple(choices)


def _near_miss(rng: Random, answer: str, alphabet: str) -> str:
    position = rng.randrange(len(answer))
    return answer[:position] + rng.choice(alphabet) + answer[position + 1 :]
