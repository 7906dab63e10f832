"""The search space, as Optuna draws from it."""

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ensemble_core.errors import InputError
from w2s_platform.stage import Json, canonical_json
from w2s_platform.sweepfile.search import (
    CategoricalDimension,
    Dimension,
    FloatDimension,
    IntDimension,
)

if TYPE_CHECKING:
    from optuna import Trial

GRID_LIMIT = 100_000
"""Points of a grid that are listed at most."""


class Space:
    """A define-by-run function of dimensions that may have conditions.

    Args:
        dimensions: Dotted key → dimension.
        value_of: The value of a key that is not searched, for the conditions.
    """

    def __init__(
        self, dimensions: Mapping[str, Dimension], value_of: Callable[[str], Json]
    ) -> None:
        self.dimensions = dict(dimensions)
        self._value_of = value_of

    def __call__(self, trial: "Trial") -> dict[str, Any]:
        """Draw a value for each key whose conditions hold; keys that don't apply are left out."""
        values: dict[str, Any] = {}
        for key in self._order():
            if self._applies(key, values):
                values[key] = _draw(trial, key, self.dimensions[key])
        return values

    def decode(self, params: Mapping[str, Any]) -> dict[str, Json]:
        """The values that Optuna's parameters stand for."""
        return {key: _decode(self.dimensions[key], value) for key, value in params.items()}

    def grid(self) -> list[dict[str, Any]]:
        """Every point of a space of steps and choices, as Optuna's parameters.

        Raises:
            InputError: There are too many to list.
        """
        axes = {key: _points(dimension) for key, dimension in self.dimensions.items()}
        points = itertools.islice(itertools.product(*axes.values()), GRID_LIMIT + 1)
        grid = [dict(zip(axes, point, strict=True)) for point in points]
        if len(grid) > GRID_LIMIT:
            raise InputError(f"the grid has more than {GRID_LIMIT:,} points", where="search.space")
        return grid

    def _order(self) -> list[str]:
        """The keys, each after those that its conditions look at."""
        order: list[str] = []
        waiting = dict(self.dimensions)
        while waiting:
            ready = [key for key, found in waiting.items() if not found.when.keys() & waiting]
            for key in ready or list(waiting):
                order.append(key)
                del waiting[key]
        return order

    def _applies(self, key: str, values: Mapping[str, Any]) -> bool:
        for other, wanted in self.dimensions[key].when.items():
            value = values[other] if other in values else self._value_of(other)
            if value != wanted and not (isinstance(wanted, list) and value in wanted):
                return False
        return True


def _draw(trial: "Trial", key: str, dimension: Dimension) -> Any:
    if isinstance(dimension, FloatDimension):
        low, high = dimension.low, dimension.high
        return trial.suggest_float(key, low, high, step=dimension.step, log=dimension.log)
    if isinstance(dimension, IntDimension):
        low, high = dimension.low, dimension.high
        return trial.suggest_int(key, low, high, step=dimension.step or 1, log=dimension.log)
    coded = [_encode(choice) for choice in dimension.choices]
    return _decode(dimension, trial.suggest_categorical(key, coded))


def _encode(choice: Json) -> Any:
    """A choice as Optuna keeps it: mappings and lists become their JSON."""
    return canonical_json(choice) if isinstance(choice, dict | list | tuple) else choice


def _decode(dimension: Dimension, value: Any) -> Any:
    if not isinstance(dimension, CategoricalDimension):
        return value
    return next((choice for choice in dimension.choices if _encode(choice) == value), value)


def _points(dimension: Dimension) -> list[Any]:
    """The values of one axis of a grid."""
    if isinstance(dimension, CategoricalDimension):
        return [_encode(choice) for choice in dimension.choices]
    if isinstance(dimension, IntDimension):
        return list(range(dimension.low, dimension.high + 1, dimension.step or 1))
    if dimension.step is None:
        raise InputError("the grid sampler needs a `step` or choices", where="search.space")
    steps = int((dimension.high - dimension.low) / dimension.step + 1e-9)
    return [dimension.low + n * dimension.step for n in range(steps + 1)]
