"""From a sweep to its cells."""

from collections.abc import Mapping

from ensemble_core.errors import InputError
from w2s_platform.stage import Json
from w2s_platform.sweepfile.axes import Pick
from w2s_platform.sweepfile.points import Point, PointMaker
from w2s_platform.sweepfile.sweep import CellSpec, Sweep
from w2s_platform.sweepfile.tree import NoSuchPlaceError
from w2s_platform.sweepfile.values import brief

__all__ = ["CellSpec", "cells", "cells_at"]


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


def _replicates(point: Point, seeds: int) -> list[CellSpec]:
    return [
        CellSpec(point.cell_id(seed), seed, point.trial, point.varied, point.config, point.row)
        for seed in range(seeds)
    ]
