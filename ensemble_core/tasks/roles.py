"""Drawing the questions of a role: which of a task's questions a cell uses, and for what."""

import hashlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from ensemble_core.errors import InputError
from ensemble_core.tasks.availability import available_source, check_split
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.question import Question
from ensemble_core.tasks.questions import load_pool
from ensemble_core.tasks.selection import by_loss, check_names, check_ranges, select
from ensemble_core.tasks.slices import SliceSpec

Role = Literal["labelled", "transfer", "validation", "id", "ood"]
ROLES: tuple[Role, ...] = get_args(Role)
_SPLITS: dict[Role, tuple[str, ...]] = {
    "labelled": ("train",),
    "transfer": ("train",),
    "validation": ("validation", "train"),
    "id": ("test",),
    "ood": ("test",),
}


@dataclass(frozen=True)
class Drawn:
    """The questions drawn for a role, and where the others of the split went."""

    questions: tuple[Question, ...]
    rows: int
    """Rows read."""
    duplicates: int
    """Rows that repeat an earlier one's question."""
    unrated: int
    """Questions without a value where the slice selects one."""
    others: int
    """Questions with another value than the slice selects."""
    held: int
    """Questions that another role holds."""
    left: int
    """Questions beyond the slice's size."""


def draw(
    spec: SliceSpec,
    card: TaskCard,
    role: Role,
    *,
    seed: int,
    exclude: AbstractSet[str] = frozenset(),
    data_root: Path | None = None,
    losses: Mapping[str, float] | None = None,
) -> list[Question]:
    """The questions of a slice for a role, in the order in which they were drawn.

    The draw depends on role, seed, and the questions that the slice selects, and varies with the
    seed: each replicate of an experiment has its own training sets, and its own test sets where
    the slice has a size. Other slices of the cell matter only through `exclude`. A question's rank
    depends on nothing but role, seed and the question itself, so a smaller draw is the beginning of
    a larger one, and leaving one out moves no other.

    Args:
        spec: The slice.
        card: The card of the slice's task.
        role: What the questions are for; decides the split where the slice names none.
        seed: The replicate's seed.
        exclude: Ids of the questions that other roles of the cell hold.
        data_root: Where local files lie.
        losses: Question id → the model's loss, for all questions of the split, where the slice
            selects by such a difficulty; the questions drawn carry theirs.

    Raises:
        InputError: The data can't be read, the slice selects what does not occur, or fewer than
            `size` questions (without a size: none) are left.
        ValueError: The slice selects by a model's loss, and `losses` are missing.
    """
    drawn = draw_counted(
        spec, card, role, seed=seed, exclude=exclude, data_root=data_root, losses=losses
    )
    return list(drawn.questions)


def draw_counted(
    spec: SliceSpec,
    card: TaskCard,
    role: Role,
    *,
    seed: int,
    exclude: AbstractSet[str] = frozenset(),
    data_root: Path | None = None,
    losses: Mapping[str, float] | None = None,
) -> Drawn:
    """`draw`, and how many questions were left out, by reason.

    Raises:
        InputError: See `draw`.
        ValueError: See `draw`.
    """
    split = spec.split or default_split(card, role, data_root)
    check_slice(spec, card, role, data_root=data_root)
    pool = load_pool(card, split, data_root=data_root)
    selection = select(_rated(pool.questions, spec, card, losses), spec, card)
    free = [question for question in selection.questions if question.id not in exclude]
    held = len(selection.questions) - len(free)
    check_enough(spec, role, split, len(selection.questions), held)
    ranked = sorted(free, key=lambda question: _rank(role, seed, question))
    chosen = tuple(ranked[: spec.size])
    return Drawn(
        chosen,
        rows=pool.rows,
        duplicates=pool.duplicates,
        unrated=selection.unrated,
        others=selection.others,
        held=held,
        left=len(free) - len(chosen),
    )


def default_split(card: TaskCard, role: Role, data_root: Path | None = None) -> str:
    """The split that a role draws from where its slice names none.

    Args:
        card: The task card.
        role: `train` for labelled and transfer, `validation` (else `train`) for validation, `test`
            for id and ood.
        data_root: Decides which source is used, and so which splits there are.

    Raises:
        InputError: The source in use has no such split, or none is available.
    """
    source = available_source(card, data_root)
    for split in _SPLITS[role]:
        if split in source.splits:
            return split
    check_split(card, source, _SPLITS[role][0])
    raise AssertionError("unreachable")


def check_slice(
    spec: SliceSpec, card: TaskCard, role: Role, *, data_root: Path | None = None
) -> None:
    """Check what can be known without reading questions: split, and what the slice selects by.

    Raises:
        InputError: The source in use lacks it, or none is available.
    """
    source = available_source(card, data_root)
    check_split(card, source, spec.split or default_split(card, role, data_root))
    check_names(spec, card, source)
    check_ranges(spec, card)


def check_enough(
    spec: SliceSpec, role: Role, split: str, selected: int, held: int, about: str = ""
) -> None:
    """Check that enough questions are left for a slice.

    Args:
        spec: The slice.
        role: What the questions are for.
        split: The split that they come from.
        selected: Questions that the slice selects.
        held: Those of them that other roles hold.
        about: What precedes the number selected in the message, where that is a bound.

    Raises:
        InputError: Fewer than `size` are (without a size: none is).
    """
    free = selected - held
    if free >= (spec.size or 1):
        return
    asked = f"; {spec.size} are asked for" if spec.size else ""
    what = f"{role}: split {split} has {about}{selected} such questions"
    if held:
        what += f", {held} of them held by other roles of the cell, {free} left"
    hint = "lower `size`, or select more"
    if held:
        hint = "give the other slices a smaller `size`, or draw from different splits or values"
    raise InputError(what + asked, where=str(spec), hint=hint)


def _rated(
    questions: tuple[Question, ...],
    spec: SliceSpec,
    card: TaskCard,
    losses: Mapping[str, float] | None,
) -> tuple[Question, ...]:
    """The questions with their losses for difficulty, where the slice selects by that."""
    if not by_loss(spec, card):
        return questions
    if losses is None:
        raise ValueError(f"{spec} selects by a model's loss, which is not given")
    return tuple(replace(question, difficulty=losses[question.id]) for question in questions)


def _rank(role: Role, seed: int, question: Question) -> str:
    return hashlib.sha256(f"{role}\x1f{seed}\x1f{question.id}".encode()).hexdigest()
