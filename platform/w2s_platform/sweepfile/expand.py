"""From a sweep to its cells."""

from collections.abc import Mapping

from pydantic_core import PydanticUndefined

from ensemble_core.errors import InputError
from w2s_platform.stage import Json
from w2s_platform.sweepfile.axes import Pick
from w2s_platform.sweepfile.keys import find_key
from w2s_platform.sweepfile.points import Point, PointMaker
from w2s_platform.sweepfile.sweep import CellSpec, Sweep
from w2s_platform.sweepfile.tree import NoSuchPlaceError, get_at, overlay
from w2s_platform.sweepfile.values import brief

__all__ = ["CellSpec", "cells", "cells_at", "value_at"]


def cells(sweep: Sweep) -> list[CellSpec]:
    """Every cell that `vary` and `seeds` span; the replicates of a point stand together."""
    return [cell for point in sweep.points for cell in _replicates(point, sweep.seeds)]


def cells_at(
    sweep: Sweep, values: Mapping[str, Json], *, varied: Mapping[str, Json] | None = None
) -> list[CellSpec]:
    """The replicates of one configuration, such as a search's trial.

    Args:
        sweep: The sweep.
        values: Dotted key → value.
        varied: The values of the point of `vary` that it starts from, if any.

    Raises:
        InputError: These values don't go together.
    """
    row = {key: Pick(value) for key, value in {**(varied or {}), **values}.items()}
    where = ", ".join(f"{key}={brief(pick.value)}" for key, pick in row.items())
    maker = PointMaker(sweep.base, sweep.resources)
    try:
        made = maker.make(maker.tree({key: pick.value for key, pick in row.items()}), row)
    except NoSuchPlaceError as error:
        raise InputError(str(error), where=where) from None
    if not isinstance(made, Point):
        raise InputError(str(made), where=where)
    return _replicates(made, sweep.seeds)


def value_at(sweep: Sweep, dotted: str, varied: Mapping[str, Json] | None = None) -> Json:
    """The value at a dotted key as the file has it, or its default; for conditions on it.

    Args:
        sweep: The sweep.
        dotted: The key.
        varied: The values of a point of `vary`, if any.

    Raises:
        KeyError: There is no such key.
    """
    key = find_key(dotted)
    if key is None:
        raise KeyError(dotted)
    value = get_at(overlay(sweep.base, varied or {}), key.loc)
    if value is None and key.default is not PydanticUndefined:
        value = key.adapter.dump_python(key.default, mode="json")
    return value


def _replicates(point: Point, seeds: int) -> list[CellSpec]:
    return [
        CellSpec(point.cell_id(seed), seed, point.trial, point.varied, point.config, point.row)
        for seed in range(seeds)
    ]
