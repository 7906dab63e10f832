"""Give me the numbers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dashboards.blocks import Answer, Block, Blocks
from dashboards.data import compare, numbers
from dashboards.data.scope import Scope
from dashboards.data.stored import Stored
from w2s_platform.cli.render.text import count
from w2s_platform.results.coded import as_text
from w2s_platform.results.summary import summarise

if TYPE_CHECKING:
    import pandas as pd


def answer(scope: Scope, stored: Stored) -> Answer:
    """Every measurement that is shown, its means, where it comes from; and how sweeps differ."""
    return Answer(Blocks(lambda: _blocks(scope, stored)), controls=("by",))


def _blocks(scope: Scope, stored: Stored) -> Iterator[Block]:
    yield from _different(scope, stored)
    by = scope.by if scope.selection.by else [*_sweep(scope), *scope.varied]
    means = summarise(scope.rows, by)
    yield Block("means", "Means over seeds", means, notes=scope.notes(apart=by))
    rows = as_text(scope.rows)
    notes = (count(len(rows), "row"), *scope.notes(apart=scope.varied))
    yield Block("rows", "Every measurement", rows, notes=notes)
    yield Block("origin", "Where they come from", numbers.origin(scope.data))


def _sweep(scope: Scope) -> list[str]:
    return ["sweep"] if len(scope.data) > 1 else []


def _different(scope: Scope, stored: Stored) -> Iterator[Block]:
    if len(scope.data) < 2:
        return
    frame: pd.DataFrame = compare.different_settings(scope.data, stored.store)
    yield Block(
        "different",
        "In which settings the sweeps differ",
        frame,
        notes=("of the stages that have finished; several values are varied inside the sweep",),
    )
