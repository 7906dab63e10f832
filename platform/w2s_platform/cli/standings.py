"""What `plan` and `status` print: the same report, as tables or as one JSON object."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from w2s_platform.cli.console import show
from w2s_platform.cli.inputs import Study
from w2s_platform.cli.render import standing

if TYPE_CHECKING:
    from w2s_platform.graph.model import Graph
    from w2s_platform.results.plan import PlanReport
    from w2s_platform.store import Store


def known_graph(study: Study, store: "Store") -> "tuple[Graph, list[str]]":
    """The cells that are known before a run, and notes: of a search, those of its trials so far."""
    if study.sweep.search is None:
        return study.graph, []
    from w2s_platform.cli.searching import graph_so_far

    return graph_so_far(study, store)


def print_report(
    report: "PlanReport", *, as_json: bool, cells: bool, notes: Sequence[str] = ()
) -> None:
    """Print where a sweep stands.

    Args:
        report: What the store knows of the sweep.
        as_json: One object, for programs, instead of tables.
        cells: List every cell, too.
        notes: Lines to end with.
    """
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=1))
        return
    layouts = [standing.cells_layout(report.cells)] if cells else []
    lines = [
        *standing.running_lines(report),
        *standing.failure_lines(report),
        standing.cells_line(report),
        *notes,
    ]
    if report.stages:
        layouts.append(standing.stage_layout(report))
    show(layouts, lines)
