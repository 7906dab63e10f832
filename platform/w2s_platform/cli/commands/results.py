"""`w2s results`: the numbers of a sweep, as a table or as data."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ensemble_core.documents import did_you_mean
from ensemble_core.errors import InputError
from w2s_platform.cli.console import show, text_of
from w2s_platform.cli.margin import margin_option
from w2s_platform.cli.options import (
    data_root_option,
    debug_option,
    store_option,
    sweep_argument,
)
from w2s_platform.cli.render.layout import Layout, to_latex
from w2s_platform.cli.render.text import count
from w2s_platform.cli.tables import Wanted, tables, unevenness

if TYPE_CHECKING:
    import pandas as pd

    from w2s_platform.results.ledger import Ledger
    from w2s_platform.sweepfile.sweep import Sweep

FORMATS = ("table", "csv", "json", "parquet", "latex")
TABLES = ("table", "latex")


@click.command()
@sweep_argument
@store_option
@data_root_option
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
    "--subject",
    metavar="NAME",
    multiple=True,
    help="Whose numbers table and latex show; a pattern such as `expert_*` will do; may be "
    "repeated.",
)
@click.option(
    "--reference",
    metavar="KEY=VALUE",
    multiple=True,
    help="Show what the settings change: every configuration minus the one with this value, paired "
    "by seed; repeat it to name more keys. Table and latex only.",
)
@margin_option
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead."
)
@debug_option
def command(
    file: Path,
    store: str | None,
    data_root: Path | None,
    form: str,
    by: tuple[str, ...],
    metric: tuple[str, ...],
    subject: tuple[str, ...],
    reference: tuple[str, ...],
    margin: float | None,
    out: Path | None,
) -> None:
    """Show a sweep's results, as a table or as data.

    Means with 95 % intervals over seeds, or every measurement.
    The table goes from floor to ceiling, with PGR, and with differences paired by seed, on ID and
    OOD test questions. Rows of csv, json and parquet have the columns sweep, cell, seed, subject,
    task, role, split, metric, value, stderr, n, and one per varied key.

    \b
    Examples:
      w2s results sweeps/quickstart.yaml
      w2s results sweeps/nano_effect.yaml --by experts.count --metric nll
      w2s results sweeps/quickstart.yaml --margin 2
      w2s results sweeps/units_nano.yaml --reference case=plain
      w2s results sweeps/counts_nano.yaml --subject 'ensemble_*'
      w2s results sweeps/quickstart.yaml --format csv > rows.csv
      w2s results sweeps/quickstart.yaml --format latex --out table.tex
    """
    _check_form(form, {"--margin": margin, "--reference": reference, "--subject": subject})
    loaded = _load(file, store, data_root)
    columns = list(loaded.frame.columns)
    keys = [resolve_key(key, columns) for key in by] if by else None
    if form in TABLES:
        compared = dict(_pair(text, columns) for text in reference) or None
        layouts = _layouts(loaded, Wanted(keys, metric, subject, compared, margin))
        _write(to_latex(layouts) if form == "latex" else _as_text(layouts, out), out)
    else:
        _write(_encoded(loaded.frame, form, keys), out)


def _check_form(form: str, options: Mapping[str, object]) -> None:
    """Refuse what changes tables where rows are written, which hold measurements alone."""
    given = [name for name, value in options.items() if value]
    if given and form not in TABLES:
        raise click.UsageError(f"{given[0]} goes with the formats table and latex, not with {form}")


@dataclass(frozen=True)
class _Loaded:
    """A sweep's rows, and where they came from."""

    sweep: str
    frame: "pd.DataFrame"
    notes: tuple[str, ...]
    """What is missing, and what is not as it was asked for."""
    origin: tuple[str, ...]
    """Where the numbers lie."""


def _load(file: Path, store: str | None, data_root: Path | None) -> _Loaded:
    """Read the rows that the store has.

    Raises:
        InputError: The sweep was never run in this store, or nothing of it has finished.
    """
    from w2s_platform.results.ledger import read_ledger
    from w2s_platform.results.notes import ensemble_notes, staleness
    from w2s_platform.results.rows import frame_of
    from w2s_platform.store import open_store
    from w2s_platform.sweepfile.load import load_sweep

    opened = open_store(store, read_only=True)
    sweep = load_sweep(file)
    ledger = read_ledger(opened, sweep.sweep)
    frame = frame_of(opened, ledger)
    if frame.empty:
        hint = f"`w2s status {file}` shows how far it is"
        raise InputError("no measurement has finished yet", where=str(opened.url), hint=hint)
    changed = [] if sweep.search else staleness(ledger, _cells_now(file, sweep, data_root))
    notes = (*_lacking(ledger, frame), *changed, *ensemble_notes(opened, ledger))
    origin = (
        f"every measurement: w2s results {file} --format csv",
        f"store: {opened.url.removeprefix('file://')}",
    )
    return _Loaded(ledger.sweep, frame, notes, origin)


def _lacking(ledger: "Ledger", frame: "pd.DataFrame") -> Iterator[str]:
    """How many cells have no results, and why."""
    expected = {cell.id for cell in ledger.cells if not cell.stopped}
    measured = expected.intersection(frame["cell"].unique())
    if len(measured) < len(expected):
        yield f"so far {len(measured)} of {len(expected)} cells have results"
    if stopped := len(ledger.cells) - len(expected):
        yield f"{count(stopped, 'cell')} of trials that were stopped early: no test questions asked"


def _cells_now(file: Path, sweep: "Sweep", data_root: Path | None) -> Mapping[str, Sequence[str]]:
    """The cells of the file with the keys of their stages, where its data and models are here."""
    from w2s_platform.cli.inputs import load_study
    from w2s_platform.sweepfile.expand import cells

    try:
        graph = load_study(file, data_root, draw=False).graph
    except InputError:  # whoever looks at results need not have what they were made from
        return {cell.id: () for cell in cells(sweep)}
    return {cell.id: cell.stages for cell in graph.cells}


def _pair(text: str, columns: Sequence[str]) -> tuple[str, str]:
    """The column and the value of `--reference KEY=VALUE`.

    Raises:
        InputError: There is no `=`, or no such column.
    """
    key, found, value = text.partition("=")
    if not found:
        raise InputError(f"--reference {text}: write KEY=VALUE, such as case=plain")
    return resolve_key(key, columns, "--reference"), value


def resolve_key(key: str, columns: Sequence[str], option: str = "--by") -> str:
    """Find the column that an option means; the end of a dotted key will do where it is unique.

    Raises:
        InputError: No column, or several, have this name.
    """
    if key in columns:
        return key
    ending = [column for column in columns if column.endswith(f".{key}")]
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise InputError(f"{option} {key} may mean {' or '.join(ending)}")
    ends = [column.rpartition(".")[2] for column in columns]
    hint = did_you_mean(key, [*columns, *ends], listed=30)
    raise InputError(f"{option} {key}: the results have no such column", hint=hint)


def _layouts(loaded: _Loaded, wanted: Wanted) -> list[Layout]:
    layouts = tables(loaded.frame, wanted, sweep=loaded.sweep)
    last, notes = layouts[-1], unevenness(loaded.frame, wanted)
    told = (*last.notes, *notes, *loaded.notes)
    return [*layouts[:-1], replace(last, notes=told, origin=loaded.origin)]


def _encoded(frame: "pd.DataFrame", form: str, keys: Sequence[str] | None) -> str | bytes:
    from w2s_platform.cli.render import tables

    if keys is not None:
        from w2s_platform.results.summary import summarise

        frame = summarise(frame, keys)
    if form == "csv":
        return tables.to_csv(frame)
    return tables.to_json(frame) if form == "json" else tables.to_parquet(frame)


def _as_text(layouts: Sequence[Layout], out: Path | None) -> str:
    if out is None:
        show(layouts)
        return ""
    return text_of(layouts)


def _write(content: str | bytes, out: Path | None) -> None:
    """Write to a file, or to standard output.

    Raises:
        InputError: The file can't be written.
    """
    data = content.encode() if isinstance(content, str) else content
    if out is None:
        if isinstance(content, bytes) and sys.stdout.isatty():
            raise click.UsageError("Parquet is not text: name a file with --out, or pipe it on")
        click.echo(content, nl=False)
        return
    try:
        out.write_bytes(data)
    except OSError as error:
        raise InputError(f"can't be written: {error.strerror}", where=str(out)) from error
