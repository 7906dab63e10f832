"""`data` and `pretrain` stages: what a cell starts from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_core.settings import ModelRef
from w2s_platform.graph.builder import StageSet, decisive, plain, resolve_precision, rounding
from w2s_platform.sweepfile.check import role_of
from w2s_platform.sweepfile.check import slices as in_drawing_order

if TYPE_CHECKING:
    from ensemble_core.tasks.card import TaskCard
    from ensemble_core.tasks.difficulty import DifficultySettings
    from ensemble_core.tasks.roles import Role
    from ensemble_core.tasks.slices import SliceSpec
    from w2s_platform.sweepfile.resources import StageResources
    from w2s_platform.sweepfile.sections import Config

NANO_PRETRAIN_SEED = 0
"""Pretrained models are fixed, as published ones are: replicates share them."""
DIFFICULTY_SEED = 0
"""A question's difficulty is fixed too: a sweep's seeds are replicates of what is built on it."""


@dataclass(frozen=True)
class Slice:
    """A drawn slice of a cell: which questions, and the stage that draws them."""

    role: str
    name: str
    split: str
    key: str
    steps: Mapping[str, Any] | None = None
    """How its answers fall into steps, where they do."""


class Cards:
    """Task cards by name, with the fingerprint that keys carry."""

    def __init__(self, cards: "Mapping[str, TaskCard]", data_root: Path | None) -> None:
        self._cards = cards
        self._data_root = data_root
        self._known: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {}
        self._drawn: dict[tuple[str, int], list[Slice]] = {}

    def draw(self, stages: StageSet, config: "Config", seed: int) -> list[Slice]:
        """The `data` stages of a cell's grid; cells with the same grid and seed share them."""
        grid = (config.tasks.model_dump_json(), seed)
        if grid not in self._drawn:
            self._drawn[grid] = add_data(stages, self, config, seed)
        return self._drawn[grid]

    def describe(self, name: str, split: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The fingerprint of a card's split (for keys) and the card (for workers), as JSON."""
        if (name, split) not in self._known:
            card = self._cards[name]
            whole = card.model_dump(mode="json", exclude_unset=True)
            self._known[name, split] = (card.fingerprint(self._data_root, split), whole)
        return self._known[name, split]

    def difficulty(self, spec: "SliceSpec") -> "DifficultySettings | None":
        """How the model's loss is found by which a slice selects; None for other slices."""
        from ensemble_core.tasks.selection import by_loss

        card = self._cards[spec.task]
        return card.difficulty if by_loss(spec, card) else None

    def steps(self, name: str) -> dict[str, Any] | None:
        """How answers to a card's questions fall into steps, where they do."""
        steps = self._cards[name].steps
        return plain(steps) if steps else None

    def split(self, spec: "SliceSpec", role: "Role") -> str:
        """The card's own split that a slice draws from."""
        from ensemble_core.tasks.roles import default_split

        return spec.split or default_split(self._cards[spec.task], role, self._data_root)


def add_data(stages: StageSet, cards: Cards, config: "Config", seed: int) -> list[Slice]:
    """One `data` stage per slice of the grid.

    Each leaves out what the slices before it drew, in the order labelled, transfer, validation,
    id, ood: test questions then never decide which questions train.
    """
    slices: list[Slice] = []
    wanted: list[tuple[Role, SliceSpec]] = [
        (role_of(loc), spec) for loc, spec in in_drawing_order(config.tasks)
    ]
    splits = [cards.split(spec, role) for role, spec in wanted]
    for (role, spec), split, name in zip(wanted, splits, _names(wanted, splits), strict=True):
        fingerprint, card = cards.describe(spec.task, split)
        settings = {
            "card": fingerprint,
            "slice": spec.model_dump(mode="json", exclude_none=True) | {"split": split},
            "role": role,
            "seed": seed,
        }
        inputs = {f"exclude_{n}": other.key for n, other in enumerate(slices, 1)}
        if cards.difficulty(spec):
            inputs["difficulty"] = add_difficulty(
                stages, cards, spec, split, config.resources.experts
            )
        key = stages.add("data", settings, inputs, label=f"{role} {name}", hints={"card": card})
        slices.append(Slice(role, name, split, key, cards.steps(spec.task)))
    return slices


def add_difficulty(
    stages: StageSet, cards: Cards, spec: "SliceSpec", split: str, resources: "StageResources"
) -> str:
    """The `difficulty` stage of the split from which a slice by loss draws.

    Every such slice of the card and split has the same one, in all cells and seeds.
    """
    from ensemble_core.tasks.fingerprint import read_by_models

    rating = cards.difficulty(spec)
    assert rating is not None
    fingerprint, card = cards.describe(spec.task, split)
    settings = {
        "card": read_by_models(fingerprint),
        "split": split,
        "folds": rating.folds,
        "layers": rating.base.layers,
        "training": decisive(rating.training),
        "precision": resolve_precision(rating.training, resources.gpus_per_worker),
        "seed": DIFFICULTY_SEED,
    }
    return stages.add(
        "difficulty",
        settings,
        {"pretrained": add_pretrained(stages, rating.model)},
        label=f"difficulty of {spec.task} {split}",
        hints={
            "card": card,
            "resources": plain(resources),
            "training": rounding(rating.training),
        },
    )


def _names(wanted: "Sequence[tuple[Role, SliceSpec]]", splits: Sequence[str]) -> list[str]:
    """Task and selection; the size too, where a role has two such slices of one split."""
    places = [(role, split, spec.label) for (role, spec), split in zip(wanted, splits, strict=True)]
    times = Counter(places)
    return [
        spec.label if times[place] == 1 else str(spec)
        for place, (_, spec) in zip(places, wanted, strict=True)
    ]


def add_pretrained(stages: StageSet, model: ModelRef) -> str:
    """The `pretrain` stage of a model; cutting it to `layers` happens where it is loaded."""
    from ensemble_core.models.identity import absolute

    whole = absolute(model.model_copy(update={"layers": None}))
    seed = NANO_PRETRAIN_SEED if whole.nano else None
    return stages.add(
        "pretrain",
        {"source": identity(whole), "seed": seed},
        {},
        label=model.model_copy(update={"layers": None}).label,
        hints={"model": plain(whole)},
    )


def anchored(model: ModelRef, folder: Path) -> ModelRef:
    """The model as a process that works in `folder` would find it."""
    places = {} if model.package else {"path": model.path, "gguf": model.gguf}
    given = {name: Path(place).expanduser() for name, place in places.items() if place}
    return model.model_copy(update={name: str(folder / place) for name, place in given.items()})


@cache
def identity(model: ModelRef) -> dict[str, Any]:
    """What a model is, wherever it lies: a recipe, a hub commit, or the bytes of its files."""
    from ensemble_core.models.identity import model_identity

    if model.nano:
        from ensemble_core.nano.ladder import recipe

        return {"nano": recipe(model.nano)}
    return {name: value for name, value in model_identity(model).items() if value is not None}
