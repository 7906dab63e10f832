"""Whether the slices of a cell can all be drawn, as far as that is known before anything runs."""

from collections.abc import Iterable
from pathlib import Path

from ensemble_core.tasks.availability import available_source
from ensemble_core.tasks.bounds import Bounds
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.difficulty import folds_of
from ensemble_core.tasks.question import Question
from ensemble_core.tasks.questions import load_pool
from ensemble_core.tasks.roles import Role, check_enough, check_slice, default_split, draw
from ensemble_core.tasks.selection import by_loss
from ensemble_core.tasks.slices import SliceSpec


def check_draws(
    requests: Iterable[tuple[Role, SliceSpec, TaskCard]], *, data_root: Path | None = None
) -> list[list[Question] | None]:
    """Check that the slices of one cell can all be drawn, each from what those before it leave.

    Tasks of a hub are checked without their questions: a check loads nothing from a network. Where
    a slice selects by a model's loss, and for the later ones of its split, the numbers of questions
    are checked: only what is wrong whatever the losses are is an error.

    Args:
        requests: Role, slice and card, in the order in which the cell draws them.
        data_root: Where local files lie.

    Returns:
        What seed 0 draws for each; None where that can't be known.

    Raises:
        InputError: See `roles.draw`; or a split has too few questions for a card's folds.
    """
    draws = _Draws(data_root)
    return [draws.check(role, spec, card) for role, spec, card in requests]


class _Draws:
    """The draws of one cell so far."""

    def __init__(self, data_root: Path | None) -> None:
        self._data_root = data_root
        self._held: set[str] = set()
        self._bounds: dict[tuple[str, str], Bounds] = {}
        """Of the splits from which a slice by loss has drawn."""

    def check(self, role: Role, spec: SliceSpec, card: TaskCard) -> list[Question] | None:
        """Draw, or count, the next slice's questions."""
        root = self._data_root
        check_slice(spec, card, role, data_root=root)
        if available_source(card, root).kind == "hub":
            return None
        split = spec.split or default_split(card, role, root)
        if by_loss(spec, card):
            self._open(spec, card, split)
        if (card.task, split) in self._bounds:
            return self._count(role, spec, card, split)
        drawn = draw(spec, card, role, seed=0, exclude=self._held, data_root=root)
        self._held |= {question.id for question in drawn}
        return drawn

    def _open(self, spec: SliceSpec, card: TaskCard, split: str) -> None:
        """From now on, who draws from this split is counted."""
        questions = load_pool(card, split, data_root=self._data_root).questions
        assert card.difficulty is not None
        folds_of([q.id for q in questions], card.difficulty.folds, where=str(spec))
        self._bounds.setdefault((card.task, split), Bounds(questions))

    def _count(self, role: Role, spec: SliceSpec, card: TaskCard, split: str) -> None:
        bounds = self._bounds[card.task, split]
        room = bounds.room(spec, card, self._held)
        about = "" if room.exactly else "at most "
        check_enough(spec, role, split, room.selected, room.selected - room.most, about)
        bounds.draw(spec, card, room)
