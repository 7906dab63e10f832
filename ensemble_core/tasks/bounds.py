"""How many questions a slice by a model's loss can get, counted before the losses are known.

Which questions are easy is known once a model is trained; how many of a split are in a share of it,
and how many of those are drawn by others, is mostly known before.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.quantiles import share_in
from ensemble_core.tasks.question import Question
from ensemble_core.tasks.selection import by_loss, expanded, select
from ensemble_core.tasks.slices import SliceSpec

Ranks = frozenset[int]


@dataclass(frozen=True)
class Room:
    """What a slice can count on."""

    selected: int
    """Questions that it selects, at most."""
    exactly: bool
    """It selects no fewer either."""
    least: int
    """Questions that no other role holds, at least."""
    most: int
    """The same, at most."""


@dataclass(frozen=True)
class _Draw:
    """Questions that were drawn from a split, somewhere among these ranks."""

    ranks: Ranks
    least: int
    most: int


class Bounds:
    """The draws of one cell from one split, in their order.

    Args:
        questions: All questions of the split.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions = questions
        self._draws: list[_Draw] = []

    def room(self, spec: SliceSpec, card: TaskCard, held: AbstractSet[str]) -> Room:
        """What is left for a slice after the draws so far.

        Args:
            spec: The slice.
            card: Its card.
            held: Ids of questions that are known to be held by other roles.

        Raises:
            InputError: The slice selects what does not occur.
        """
        ranks, others = self._ranks(spec, card), self._others(spec, card)
        n, here = len(self._questions), len({q.id for q in self._questions} & held)
        at_most = min(len(ranks), len(others))
        at_least = 0 if _is_open(spec, card) else max(0, len(ranks) + len(others) - n)
        taken = sum(max(0, draw.least - len(draw.ranks - ranks)) for draw in self._draws)
        taken += max(0, here - (n - len(ranks)))
        maybe = sum(min(draw.most, len(draw.ranks & ranks)) for draw in self._draws)
        maybe += min(len(others & held), len(ranks))
        most = min(len(ranks) - taken, len(others - held))
        return Room(at_most, at_least == at_most, max(0, at_least - maybe), max(0, most))

    def draw(self, spec: SliceSpec, card: TaskCard, room: Room) -> None:
        """Count what a slice draws that has this room."""
        least, most = spec.size or room.least, spec.size or room.most
        self._draws.append(_Draw(self._ranks(spec, card), least, most))

    def _ranks(self, spec: SliceSpec, card: TaskCard) -> Ranks:
        """Where in the order of losses the slice selects; everywhere, if that can't be known."""
        n = len(self._questions)
        if not by_loss(spec, card) or _is_open(spec, card):
            return frozenset(range(n))
        shares = [share_in(text) for text in _texts(spec, card)]
        return frozenset(rank for share in shares if share for rank in share.ranks(n))

    def _others(self, spec: SliceSpec, card: TaskCard) -> set[str]:
        """The questions that everything but the loss selects."""
        without = "difficulty" if by_loss(spec, card) else None
        return {q.id for q in select(self._questions, spec, card, without=without).questions}


def _is_open(spec: SliceSpec, card: TaskCard) -> bool:
    """Whether the slice selects a range of losses, which may hold any number of questions."""
    return by_loss(spec, card) and not all(share_in(text) for text in _texts(spec, card))


def _texts(spec: SliceSpec, card: TaskCard) -> list[str]:
    return [t for value in spec.select["difficulty"] for t in expanded(card, "difficulty", value)]
