"""`w2s results`: the numbers of a sweep, as a table or as data."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from w2s_platform.cli.options import debug_option, store_option, sweep_argument

if TYPE_CHECKING:

    pass

FORMATS = ("table", "csv", "json", "parquet", "latex")
_SHOWN_BY_DEFAULT = ("accuracy", "choice_accuracy")


@click.command()
@sweep_argument
@store_option
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="table and latex show means; csv, json and parquet give one row per measurement.",
)
@click.option(
    "--by",
    metavar="KEY",
    multiple=True,
    help="Keep this column apart (a varied key, `task`, …) and average over the others; may be "
    "repeated. With csv, json and parquet: means instead of measurements.",
)
@click.option(
    "--metric",
    metavar="NAME",
    multiple=True,
    help="What table and latex show; may be repeated.  [default: accuracy, choice_accuracy]",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead."
)
@debug_option
def command(
    file: Path,
    store: str | None,
    form: str,
    by: tuple[str, ...],
    metric: tuple[str, ...],
    out: Path | None,
) -> None:
    """Show a sweep's results: means with 95 % intervals over seeds, or every measurement.

    The table goes from floor to ceiling, with PGR, and with differences paired by seed, on ID and
    OOD test questions. Rows of csv, json and parquet have the columns sweep, cell, seed, subject,
    task, role, split, metric, value, stderr, n, and one per varied key.

    \b
    Examples:
      w2s results sweeps/quickstart.yaml
      w2s results sweeps/nano_effect.yaml --by experts.count --metric nll
      w2s results sweeps/quickstart.yaml --format csv > rows.csv
      w2s results sweeps/quickstart.yaml --format latex --out table.tex
    """
