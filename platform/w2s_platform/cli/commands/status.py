"""`w2s status`: where a sweep stands."""

from pathlib import Path

import click

from w2s_platform.cli.inputs import load_study
from w2s_platform.cli.options import (
    cells_option,
    data_root_option,
    debug_option,
    json_option,
    store_option,
    sweep_argument,
)


@click.command()
@sweep_argument
@store_option
@data_root_option
@json_option
@cells_option
@debug_option
def command(
    file: Path, store: str | None, data_root: Path | None, as_json: bool, cells: bool
) -> None:
    """Show where a sweep stands: done, running, failed, still to run.

    Only reads the store, so it can be asked from another terminal, or from another machine that
    shares the store, while a run is at work.

    \b
    Examples:
      w2s status sweeps/quickstart.yaml
      watch -n 10 w2s status sweeps/quickstart.yaml
      w2s status sweeps/quickstart.yaml --json | jq '.cells[] | select(.status == "failed")'
    """
    from w2s_platform.cli.standings import known_graph, print_report
    from w2s_platform.results.plan import status
    from w2s_platform.store import open_store

    study, opened = load_study(file, data_root, draw=False), open_store(store, read_only=True)
    graph, notes = known_graph(study, opened)
    report = status(graph, opened)
    print_report(report, as_json=as_json, cells=cells, notes=notes)
