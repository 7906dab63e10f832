"""`w2s run`: do what is missing."""

from pathlib import Path

import click

from w2s_platform.cli.inputs import load_study
from w2s_platform.cli.options import (
    data_root_option,
    debug_option,
    is_debug,
    quiet_option,
    retry_failed_option,
    store_option,
    sweep_argument,
)


@click.command()
@sweep_argument
@store_option
@data_root_option
@click.option(
    "--address",
    metavar="A",
    help="A Ray cluster that this machine is a node of: `auto` or host:port.  "
    "[default: $RAY_ADDRESS, else a Ray of its own]",
)
@retry_failed_option
@quiet_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context,
    file: Path,
    store: str | None,
    data_root: Path | None,
    address: str | None,
    retry_failed: bool,
    quiet: bool,
) -> None:
    """Run a sweep: all that the store does not have yet.

    Safe to stop at any moment (Ctrl-C, or worse) and to run again: finished stages are kept, failed
    and missing ones run. Two runs on one store share the work. A cell that fails does not stop the
    others; the exit status is then 1. Logs are in the store.

    \b
    Examples:
      w2s run sweeps/quickstart.yaml
      w2s run sweeps/quickstart.yaml --retry-failed
      w2s run sweeps/arc_smollm2.yaml --data-root ~/questions
      w2s run sweeps/nano_effect.yaml --address auto --store /shared/w2s
    """
    from w2s_platform.cli.render.outcome import expected_seconds, outcome_lines
    from w2s_platform.results.ledger import record
    from w2s_platform.results.plan import plan
    from w2s_platform.running.options import RunOptions
    from w2s_platform.running.progress import QuietDisplay, choose_display
    from w2s_platform.running.sweep import run_sweep
    from w2s_platform.store import open_store

    study = load_study(file, data_root)
    opened = open_store(store)
    expected = expected_seconds(plan(study.graph, opened))
    display = QuietDisplay() if quiet else choose_display(expected=expected)
    record(opened, study.graph)
    options = RunOptions.of(
        study.sweep.resources,
        store_url=opened.url,
        data_root=str(data_root) if data_root else None,
        address=address,
        retry_failed=retry_failed,
        debug=is_debug(ctx),
    )
    report = run_sweep(study.graph, options, display=display)
    if not quiet or report.exit_status:
        click.echo("\n".join(outcome_lines(report, file=file, store=opened.url)))
    ctx.exit(report.exit_status)
