"""Running a sweep from the command line: its display, its record in the store, its last words."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from w2s_platform.cli.console import show
from w2s_platform.cli.inputs import Study

if TYPE_CHECKING:
    from w2s_platform.running.options import RunOptions
    from w2s_platform.running.progress import Display
    from w2s_platform.store import Store


def run_cells(
    study: Study, options: "RunOptions", store: "Store", *, file: Path, quiet: bool
) -> int:
    """Run every cell that the store lacks.

    Returns:
        The exit status.
    """
    from w2s_platform.cli.render.outcome import expected_seconds, opening_line, outcome_lines
    from w2s_platform.results.ledger import record
    from w2s_platform.results.plan import plan
    from w2s_platform.running.sweep import run_sweep

    before = plan(study.graph, store)
    record(store, study.graph)
    if not quiet:
        click.echo(opening_line(before), err=True)  # Ray takes some seconds to say anything
    report = run_sweep(study.graph, options, display=_display(quiet, expected_seconds(before)))
    if not quiet or report.exit_status:
        click.echo("\n".join(outcome_lines(report, file=file, store=store.url)))
    return report.exit_status


def run_searches(
    study: Study, options: "RunOptions", store: "Store", *, file: Path, quiet: bool
) -> int:
    """Make every trial that the sweep's searches lack.

    Returns:
        The exit status.
    """
    from w2s_platform.cli.render.outcome import failed_stages, whereabouts
    from w2s_platform.cli.render.trials import trials_layout
    from w2s_platform.cli.searching import search

    assert study.sweep.search is not None
    reports = search(study, options, store, lambda: _display(quiet))
    status = max((report.exit_status for report in reports), default=0)
    if not quiet or status:
        objective = study.sweep.search.objective
        failures = [line for report in reports for line in failed_stages(report.run.stages)]
        after = [*failures, *whereabouts(file, store.url)]
        show([trials_layout(report, objective) for report in reports], after)
    return status


def _display(quiet: bool, expected: dict[str, float] | None = None) -> "Display":
    from w2s_platform.running.progress import QuietDisplay, choose_display

    return QuietDisplay() if quiet else choose_display(expected=expected)
