"""Drawing distinct questions from a family, reproducibly."""

from collections.abc import Sequence
from itertools import cycle
from random import Random
from typing import Final

from ensemble_core.nano.families.family import (
    DIFFICULTIES,
    Family,
    GeneratedQuestion,
    Item,
    to_question,
)
from ensemble_core.nano.families.registry import FAMILIES
from ensemble_core.nano.pools import pool

#: So many draws in a row without a new question mean that there is hardly one left: with one
#: of 1,000 questions missing, the chance not to meet it is e^-20.
_MAX_MISSES: Final = 20_000


def generate(
    family: str, count: int, seed: int, difficulties: Sequence[int] = DIFFICULTIES
) -> list[GeneratedQuestion]:
    """Draw `count` distinct questions, none of which a pretraining corpus may hold.

    The same arguments always give the same list; a smaller count gives the list's beginning.

    Args:
        family: A name in `FAMILIES`.
        count: How many questions, 0 or more.
        seed: Decides the draw.
        difficulties: Members of `DIFFICULTIES`; questions take turns, so each has its equal share.

    Raises:
        ValueError: Unknown family or difficulty, a negative count, or fewer than `count` distinct
            questions exist.
    """
    drawn_from = _check(family, count, difficulties)
    rng = Random(f"{family}/{seed}")
    seen: set[str] = set()
    turns = cycle(difficulties)
    questions: list[GeneratedQuestion] = []
    for _ in range(count):
        item = _draw_new(drawn_from, rng, next(turns), seen, count)
        seen.add(item.prompt)
        questions.append(to_question(rng, item, drawn_from.has_choices))
    return questions


def _draw_new(family: Family, rng: Random, difficulty: int, seen: set[str], count: int) -> Item:
    for _ in range(_MAX_MISSES):
        item = family.draw(rng, difficulty)
        if item.prompt not in seen and pool(item.prompt) == "task":
            return item
    raise ValueError(
        f"family '{family.name}' has fewer than {count} distinct questions: "
        f"difficulty {difficulty} is used up after {len(seen)} of them; "
        "ask for fewer, or add a difficulty"
    )


def _check(family: str, count: int, difficulties: Sequence[int]) -> Family:
    if family not in FAMILIES:
        raise ValueError(f"unknown family '{family}'; known: {', '.join(FAMILIES)}")
    if count < 0:
        raise ValueError(f"count is {count}, but must not be negative")
    unknown = [grade for grade in difficulties if grade not in DIFFICULTIES]
    if unknown or not difficulties:
        raise ValueError(f"difficulties are {list(difficulties)}; allowed: {list(DIFFICULTIES)}")
    return FAMILIES[family]
