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
from w2s_platform.cli.runs import run_cells, run_searches


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
    from w2s_platform.running.options import RunOptions
    from w2s_platform.running.tracking.options import Tracking
    from w2s_platform.store import open_store

    study, opened = load_study(file, data_root), open_store(store)
    options = RunOptions.of(
        study.sweep.resources,
        store_url=opened.url,
        data_root=str(data_root) if data_root else None,
        address=address,
        retry_failed=retry_failed,
        tracking=Tracking.of(study.sweep),
        debug=is_debug(ctx),
    )
    run = run_cells if study.sweep.search is None else run_searches
    ctx.exit(run(study, options, opened, file=file, quiet=quiet))
