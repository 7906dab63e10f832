"""The entry point of `w2s`, and the list of its commands."""

import sys
from collections.abc import Sequence

import click

from w2s_platform.cli.failures import report_failure
from w2s_platform.cli.group import LazyGroup, Section
from w2s_platform.cli.options import debug_option
from w2s_platform.cli.quiet import be_quiet

SECTIONS = (
    Section("Before a run", ("validate", "plan", "schema")),
    Section("Run", ("run", "submit")),
    Section("During and after", ("status", "results", "explain", "export")),
)


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    package="w2s_platform.cli.commands",
    others="w2s.commands",
    others_title="Look",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="w2s-platform", prog_name="w2s")
@debug_option
@click.pass_context
def w2s(ctx: click.Context) -> None:
    """Run weak-to-strong studies from one YAML file.

    A sweep file names a grid of cells: which weak experts, how they are boosted and combined, which
    student learns from their labels, on which tasks, with how many seeds. Every step of a cell is a
    stage whose result is kept in a store, so nothing is computed twice: run again after a crash, or
    with more cells, and only what is missing is done.

    \b
    A typical session:
      w2s validate sweeps/quickstart.yaml     every mistake at once, file:line:column
      w2s plan sweeps/quickstart.yaml         what would run, what is there already
      w2s run sweeps/quickstart.yaml          do it; Ctrl-C is safe, run again to go on
      w2s status sweeps/quickstart.yaml       from another terminal
      w2s results sweeps/quickstart.yaml      the table, with intervals over seeds
      w2s dashboard                           the same and more, in a browser

    \b
    Exit status: 0 all is well, 1 some cell failed, 2 the input is wrong, 130 interrupted.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the command line and exit with its status."""
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Run one command line.

    Every failure ends here as one message on standard error.

    Returns:
        The exit status: 0, 1 (some cell failed), 2 (bad input) or 130 (interrupted).
    """
    debug = "--debug" in arguments  # known even where parsing fails
    be_quiet(debug=debug)
    try:
        status = w2s.main(list(arguments), prog_name="w2s", standalone_mode=False)
    except BaseException as error:  # the one place where nothing may pass
        return report_failure(error, debug=debug)
    return status if isinstance(status, int) else 0
