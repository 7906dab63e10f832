"""Is it healthy?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dashboards.blocks import Answer, Block, Blocks
from dashboards.data import health
from dashboards.data.reader import SweepData
from dashboards.data.scope import Scope
from dashboards.data.stored import Stored
from dashboards.figures.bars import bar_figure
from dashboards.frames import records
from dashboards.text import show_time
from dashboards.theme import STATE_COLOURS
from w2s_platform.cli.render.text import count

if TYPE_CHECKING:
    import pandas as pd


def answer(scope: Scope, stored: Stored) -> Answer:
    """Cells by state, what failed and why, what runs; then every cell."""
    blocks: list[Block] = []
    lead: list[str] = []
    for place, data in enumerate(scope.data):
        suffix = f"-{place}" if place else ""
        named = f" of {data.sweep}" if len(scope.data) > 1 else ""
        states = health.states(data)
        lead.append(_summary(data, states))
        blocks += _sweep(scope, stored, data, states, (suffix, named))
    return Answer(Blocks(lambda: blocks), tuple(lead), filters=False)


def _summary(data: SweepData, states: "pd.DataFrame") -> str:
    held = {state: int(states.iloc[0][state]) for state in health.STATES}
    parts = [f"{number} {state}" for state, number in held.items() if number]
    total = count(len(data.ledger.cells), "cell")
    return f"{data.sweep}: {total}, {', '.join(parts) or 'none begun'}."


def _sweep(
    scope: Scope,
    stored: Stored,
    data: SweepData,
    states: "pd.DataFrame",
    names: tuple[str, str],
) -> Iterator[Block]:
    suffix, named = names
    yield Block(
        name=f"states{suffix}",
        title=f"Cells and stages{named}",
        frame=states,
        figure=bar_figure(
            _shares(states),
            "what",
            STATE_COLOURS,
            title="percent",
            state=scope.selection.to_query(),
        ),
        words=tuple(_words(states)),
        notes=(
            "stages that cells share count once; cached: there before this sweep was first run",
            *data.notes,
            *([f"{data.damaged} finished stages have damaged files"] if data.damaged else []),
        ),
    )
    failed = health.failures(data, stored.store)
    if len(failed):
        hint = "after mending the cause: `w2s run FILE --retry-failed`"
        yield Block(
            name=f"failures{suffix}",
            title=f"What failed{named}",
            frame=failed,
            words=tuple(health.causes(data, failed)),
            notes=(*_first(failed), hint),
            text=failed.assign(ended=failed["ended"].map(show_time)),
        )
    running = health.running(data, stored.store)
    if len(running):
        yield Block(
            name=f"running{suffix}",
            title=f"What runs{named}",
            frame=running,
            notes=tuple(_first(running)),
            text=running.assign(since=running["since"].map(show_time)),
        )
    yield Block(f"cells{suffix}", f"Every cell{named}", health.cells(data))


def _first(frame: "pd.DataFrame") -> list[str]:
    return [f"the first {health.MOST}"] if len(frame) == health.MOST else []


def _shares(states: "pd.DataFrame") -> "pd.DataFrame":
    """In percent of all cells, and of all stages."""
    total = states[list(STATE_COLOURS)].sum(axis=1)
    return states.assign(**{name: states[name] / total * 100 for name in STATE_COLOURS})


def _words(states: "pd.DataFrame") -> Iterator[str]:
    for row in records(states):
        parts = [f"{row[state]} {state}" for state in health.STATES if row[state]]
        yield f"{row['what']}: {', '.join(parts)}"
