"""What decides the values of a search: its study's name changes with any of it."""

from collections.abc import Iterator, Mapping
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ensemble_core.settings import ModelRef, TrainingSettings
from w2s_platform.graph.builder import StageSet, resolve_precision
from w2s_platform.graph.sources import Cards, add_difficulty, anchored, identity
from w2s_platform.stage import Json
from w2s_platform.stages.registry import REGISTRY
from w2s_platform.sweepfile.check import role_of, slices
from w2s_platform.sweepfile.keys import find_key
from w2s_platform.sweepfile.search import CategoricalDimension
from w2s_platform.sweepfile.tree import NoSuchPlaceError, get_at, overlay
from w2s_platform.sweepfile.values import validated

if TYPE_CHECKING:
    from ensemble_core.tasks.card import TaskCard
    from w2s_platform.sweepfile.sweep import Sweep

SECTIONS = {"experts": "experts", "student": "students"}
"""Section of the settings → the role whose resources it gets."""


class StudyContent:
    """All that decides a search's values, the number of trials apart.

    Args:
        sweep: A sweep with a search.
        cards: The task cards that it names.
        varied: The values of the point of `vary` that the search is made at.
        data_root: Where the cards' local files lie.
        folder: Where relative paths of models count from.

    Raises:
        InputError: A card's data or a model's files can't be read.
    """

    def __init__(
        self,
        sweep: "Sweep",
        cards: "Mapping[str, TaskCard]",
        varied: Mapping[str, Json],
        data_root: Path | None,
        folder: Path,
    ) -> None:
        self._sweep, self._cards, self._varied = sweep, cards, varied
        self._data_root, self._folder = data_root, folder

    def to_json(self) -> dict[str, Any]:
        """The settings as the file has them, and what they stand for here and now."""
        assert self._sweep.search is not None
        without = {"trials", "storage", "study"}
        return {
            "base": self._sweep.base,
            "search": self._sweep.search.model_dump(mode="json", exclude=without),
            "varied": self._varied,
            "seeds": self._sweep.seeds,
            "questions": dict(self._questions()),
            "models": {section: list(self._models(section)) for section in SECTIONS},
            **({"judge": judges} if (judges := list(self._judges())) else {}),
            "precision": {section: sorted(self._precisions(section)) for section in SECTIONS},
            "versions": {kind: entry.version for kind, entry in REGISTRY.items()},
        }

    def _questions(self) -> Iterator[tuple[str, Any]]:
        """The fingerprint of each split that a slice may draw from."""
        held = Cards(self._cards, self._data_root)
        for grid in self._possible("tasks"):
            for loc, spec in slices(grid):
                if spec.task in self._cards:
                    split = held.split(spec, role_of(loc))
                    yield f"{spec.task}/{split}", held.describe(spec.task, split)[0]
                    if held.difficulty(spec):
                        experts = self._sweep.resources.experts
                        key = add_difficulty(StageSet(), held, spec, split, experts)
                        yield f"{spec.task}/{split}/difficulty", key

    def _models(self, section: str) -> Iterator[Any]:
        more = {"experts": "experts.mix", "student": "student.later"}[section]
        others = chain.from_iterable(self._possible(more))
        for one in (*self._possible(f"{section}.model"), *others):
            model = one if isinstance(one, ModelRef) else one.model
            yield identity(anchored(model.model_copy(update={"layers": None}), self._folder))

    def _judges(self) -> Iterator[Any]:
        for model in self._possible("evaluation.judge"):
            if model is not None:
                yield identity(anchored(model.model_copy(update={"layers": None}), self._folder))

    def _precisions(self, section: str) -> set[str]:
        resources = getattr(self._sweep.resources, SECTIONS[section])
        return {
            resolve_precision(TrainingSettings(precision=wanted), resources.gpus_per_worker)
            for wanted in self._possible(f"{section}.training.precision")
        }

    def _possible(self, dotted: str) -> Iterator[Any]:
        """The values that a key may take in this search, its own and those of its choices."""
        key = find_key(dotted)
        assert key is not None
        for values in self._choices(dotted):
            try:
                tree = overlay(self._sweep.base, {**self._varied, **values})
                found = get_at(tree, key.loc)
                if found is not None:
                    yield validated(key, found)
                elif not key.required:
                    yield key.default
            except (NoSuchPlaceError, ValidationError):
                continue  # the trial that draws it says what is wrong

    def _choices(self, dotted: str) -> Iterator[dict[str, Json]]:
        """Nothing drawn, then every combination of the choices at, above and below a key."""
        assert self._sweep.search is not None
        yield {}
        axes = {
            name: dimension.choices
            for name, dimension in self._sweep.search.space.items()
            if isinstance(dimension, CategoricalDimension)
            and (f"{name}.".startswith(f"{dotted}.") or f"{dotted}.".startswith(f"{name}."))
        }
        for drawn in product(*axes.values()) if axes else ():
            yield dict(zip(axes, drawn, strict=True))
