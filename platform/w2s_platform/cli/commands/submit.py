"""`w2s submit`: hand a sweep to a cluster."""

from pathlib import Path

import click

from w2s_platform.cli.options import (
    cluster_data_root_option,
    debug_option,
    quiet_option,
    retry_failed_option,
    store_option,
    sweep_argument,
)


@click.command()
@sweep_argument
@click.option(
    "--address", metavar="URL", required=True, help="The cluster, such as http://head:8265."
)
@store_option
@cluster_data_root_option
@retry_failed_option
@quiet_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context,
    file: Path,
    address: str,
    store: str | None,
    data_root: Path | None,
    retry_failed: bool,
    quiet: bool,
) -> None:
    """Hand a sweep to a Ray cluster as a job.

    Does what `ray job submit --address URL --working-dir . -- w2s run FILE` does, with the runtime
    environment made right and an id that makes a repeat continue instead of starting a second run.
    The job's output is shown until it ends, and its exit status is this command's; Ctrl-C ends the
    showing, not the job. The store must be one that every node reaches.

    \b
    Examples:
      w2s submit sweeps/quickstart.yaml --address http://127.0.0.1:8265
      w2s submit sweeps/nano_effect.yaml --address http://head:8265 --store /shared/w2s
    """
    from w2s_platform.running.submit import submit

    status = submit(
        file,
        address=address,
        store=store,
        data_root=data_root,
        retry_failed=retry_failed,
        quiet=quiet,
    )
    ctx.exit(status)
