"""Difficulty as a model's loss: each question is scored by a model trained on the others."""

import hashlib
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ensemble_core.errors import InputError
from ensemble_core.models.names import Model
from ensemble_core.settings import ModelRef, Settings, TrainingSettings


class DifficultySettings(Settings, frozen=True):
    """A question's difficulty is a model's loss on it, by cross-validation.

    The questions of a split are parted into folds by their content. The model is fine-tuned on all
    folds but one and scored on that one: the mean loss over the tokens of the true answer, in nats.
    """

    model: Model
    """The pretrained model that is fine-tuned: a name, or a mapping with one source."""
    layers: Annotated[int, Field(ge=1)] | None = None
    """Keep only the model's first n blocks."""
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    """Parts of the split, and so trainings."""
    training: TrainingSettings = TrainingSettings()
    """One fold's fine-tuning."""

    @property
    def base(self) -> ModelRef:
        """The pretrained model with `layers` applied."""
        layers = self.layers or self.model.layers
        return self.model.model_copy(update={"layers": layers})


def fold_of(identity: str, folds: int) -> int:
    """The fold, from 0, of the question with this id.

    Nothing else decides it, so that questions that are added or removed move no other.
    """
    digest = hashlib.sha256(f"fold\x1f{identity}".encode()).hexdigest()
    return int(digest, 16) % folds


def folds_of(ids: Sequence[str], folds: int, *, where: str) -> list[int]:
    """The fold of each question of a split.

    Args:
        ids: The questions' ids.
        folds: How many folds there are.
        where: The card or slice, for the message.

    Raises:
        InputError: There are fewer questions than folds, or all are in one fold, so that none is
            left to train on.
    """
    if len(ids) < folds:
        what = f"the split has {len(ids)} questions, fewer than the {folds} folds of `difficulty`"
        raise InputError(what, where=where, hint="lower `folds` in the card, or take another split")
    found = [fold_of(identity, folds) for identity in ids]
    if len(set(found)) == 1:
        what = f"all {len(ids)} questions of the split fall into one of {folds} folds"
        raise InputError(what, where=where, hint="raise `folds` in the card, or add questions")
    return found
