"""The family `count`: a counter of five characters that runs until a pattern fits.

Its answers are up to hundreds of steps long, each of which can be judged by itself, given the step
before: the string where the count starts, then each time the next one, with its carries, up to the
first that fits. That is written in the prompt alone, ever further away.
"""

import re
from collections.abc import Iterable
from random import Random
from typing import Final

from ensemble_core.nano.families.family import Family, Item

VERB: Final = "count"
WIDTH: Final = 5
SEPARATOR: Final = ";"
ANY, FIRST = ".", "#"
"""In a pattern: any character, and the alphabet's first one."""
ENDS: Final = (1, 3)
"""How many characters a pattern fixes: `....#` fits each tenth string, `..###` each thousandth.
Without hundreds: answers that end there would teach to end long ones there too."""

#: How far each grade of difficulty counts, least and most. A step is six tokens, and the string
#: where the count starts is one: the longest answer has 1,998 tokens.
STEPS: Final = {1: (5, 124), 2: (125, 199), 3: (200, 264), 4: (265, 332)}

_PROMPT = re.compile(rf"Q:{VERB} (?P<start>\S+) (?P<pattern>\S+) A:")


def counting(name: str, alphabet: str) -> Family:
    """The family over one alphabet. Its questions have no choices: they would be as long."""

    def draw(rng: Random, difficulty: int) -> Item:
        fewest, most = STEPS[difficulty]
        zeros = rng.choice([zeros for zeros in ENDS if 10**zeros > fewest])
        steps = rng.randint(fewest, min(most, 10**zeros - 1))
        return counted(rng, alphabet, zeros, steps, difficulty)

    return Family(name, draw, has_choices=False)


def counted(rng: Random, alphabet: str, zeros: int, steps: int, difficulty: int) -> Item:
    """Count up to a multiple of 10^zeros, which is so many steps (fewer than 10^zeros) away."""
    end = rng.randrange(10 ** (WIDTH - zeros)) * 10**zeros
    answer = _written(range(end - steps, end + 1), alphabet)
    pattern = ANY * (WIDTH - zeros) + FIRST * zeros
    return Item(VERB, f"{answer[:WIDTH]} {pattern}", answer, alphabet, difficulty)


def successor(word: str, alphabet: str) -> str | None:
    """The next number; after the last one the first. None for what is no number."""
    if len(word) != WIDTH or not set(word) <= set(alphabet):
        return None
    value = sum(alphabet.index(c) * 10**place for place, c in enumerate(reversed(word)))
    return _written([value + 1], alphabet)


def ends_at(word: str, pattern: str, alphabet: str) -> bool:
    """Whether the pattern fits."""
    pairs = zip(word, pattern, strict=False)
    return len(word) == len(pattern) and all(p == ANY or c == alphabet[0] for c, p in pairs)


def parse_prompt(prompt: str) -> tuple[str, str, str]:
    """Start, pattern and alphabet of a question.

    Raises:
        ValueError: It is none of this family.
    """
    from ensemble_core.nano.families.registry import ALPHABETS

    match = _PROMPT.search(prompt)
    known = (a for a in ALPHABETS.values() if match and set(match["start"]) <= set(a))
    alphabet = next(known, None)
    if match is None or alphabet is None:
        raise ValueError(f"no question of the family `{VERB}`: {prompt[:80]!r}")
    return match["start"], match["pattern"], alphabet


def _written(numbers: Iterable[int], alphabet: str) -> str:
    """Numbers modulo 10^5 as steps; all at once, since an answer has hundreds."""
    decimal = SEPARATOR.join([f"{number % 10**WIDTH:0{WIDTH}d}" for number in numbers])
    return decimal.translate(str.maketrans("0123456789", alphabet))
