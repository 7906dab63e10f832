"""`w2s plan`: what a run would do."""

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
    """Show what a run would do, and what the store has.

    Writes nothing. The work left is estimated from what stages of the same kind took in this store,
    in seconds of one worker; a `?` stands for kinds that the store has not seen.

    \b
    Examples:
      w2s plan sweeps/quickstart.yaml
      w2s plan sweeps/quickstart.yaml --cells
      w2s plan sweeps/quickstart.yaml --json | jq '.stages[] | select(.kind == "round")'
    """
    from w2s_platform.cli.standings import known_graph, print_report
    from w2s_platform.results.plan import plan
    from w2s_platform.store import open_store

    study, opened = load_study(file, data_root), open_store(store, read_only=True)
    graph, notes = known_graph(study, opened)
    report = plan(graph, opened)
    print_report(report, as_json=as_json, cells=cells, notes=[*notes, *study.notes()])
