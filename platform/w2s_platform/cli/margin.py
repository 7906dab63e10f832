"""The option `--margin`: the largest difference that does not matter."""

import math

import click

LARGEST = 100.0
"""Points between the worst accuracy and the best: no two differ by more."""


def _points(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """The number of points, or one usage error."""
    if value is None:
        return None
    try:
        points = float(value)
    except ValueError:
        points = math.nan
    if not 0 < points < LARGEST:  # what is not a number is not either
        what = f"`{value}` is no number of points above 0 and below {LARGEST:g}"
        raise click.BadParameter(what, ctx, param)
    return points


margin_option = click.option(
    "--margin",
    metavar="POINTS",
    callback=_points,
    help="Test whether the student equals the ceiling within ±POINTS, and the ensemble the expert "
    "trained as long; state it before you look. Table and latex only.",
)
