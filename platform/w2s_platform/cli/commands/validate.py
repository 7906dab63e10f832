"""`w2s validate`: check files, run nothing."""

from pathlib import Path

import click

from ensemble_core.errors import InputError
from w2s_platform.cli.failures import BAD_INPUT, describe
from w2s_platform.cli.inputs import Study, load_study
from w2s_platform.cli.options import data_root_option, debug_option, quiet_option
from w2s_platform.cli.render.text import count


@click.command()
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@data_root_option
@quiet_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context, files: tuple[Path, ...], data_root: Path | None, quiet: bool
) -> None:
    """Check sweep files and every cell in them.

    Reads the files, the task cards that they name and those cards' data; runs and writes nothing.
    Every problem is reported at once, as file:line:column, the key's path, what is allowed and the
    nearest name. Exit status 2 if there is one.

    \b
    Examples:
      w2s validate sweeps/quickstart.yaml
      w2s validate sweeps/*.yaml
    """
    sound = [_check(file, data_root, quiet=quiet) for file in files]
    if not all(sound):
        ctx.exit(BAD_INPUT)


def _check(file: Path, data_root: Path | None, *, quiet: bool) -> bool:
    """Report on one file; whether it is sound."""
    try:
        study = load_study(file, data_root)
    except InputError as error:
        lines, _ = describe(error)
        click.echo("\n".join(lines), err=True)
        return False
    if not quiet:
        click.echo("\n  ".join([f"{file}: ok, {summary(study)}", *study.notes()]))
    return True


def summary(study: Study) -> str:
    """Count what the sweep spans: `12 cells, 84 stages`, or `a search of 20 trials`."""
    search, points = study.sweep.search, len(study.sweep.points)
    if search is None:
        return f"{count(len(study.graph.cells), 'cell')}, {count(len(study.graph.stages), 'stage')}"
    each = f"{points} searches" if points > 1 else "a search"
    return f"{each} of {count(search.trials, 'trial')} with {count(study.sweep.seeds, 'seed')} each"
