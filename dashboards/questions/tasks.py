"""Which tasks?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dashboards.blocks import Answer, Block, Blocks
from dashboards.data import tasks
from dashboards.data.asked import bins_of, outcomes_of
from dashboards.data.health import unmeasured
from dashboards.data.scope import Scope
from dashboards.data.stored import Stored
from dashboards.figures.curves import curve_figure
from dashboards.figures.maps import heat_figure
from dashboards.figures.scatter import FEWEST, reliability_figure
from dashboards.text import some
from w2s_platform.cli.render.metrics import heading, scale_of
from w2s_platform.cli.render.text import count
from w2s_platform.results.ledger import CellRecord
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    import pandas as pd

MOST_CELLS = 8
"""Cells whose questions are read one by one."""
_FEW = f"in the table only: {{}} of fewer than {FEWEST} tokens"


def answer(scope: Scope, stored: Stored) -> Answer:
    """Each subject on each slice, then what single questions tell."""
    metric = scope.metric
    if not metric:
        return Answer(lead=(unmeasured(scope.data),))
    shown = set[str](scope.rows["cell"].unique())
    bins, more_bins, left = bins_of(scope.data, shown, stored)
    outcomes, note, more = asked(scope, stored)

    def blocks() -> Iterator[Block]:
        yield _matrix(scope, metric)
        yield from _difficulty(scope, outcomes, note)
        yield from _positions(scope, outcomes, note)
        yield from _reliability(scope, bins, left)
        yield from _disagreement(scope, outcomes, note)

    return Answer(Blocks(blocks), controls=("metric",), unread=more_bins + more)


def asked(scope: Scope, stored: Stored) -> "tuple[pd.DataFrame, str, int]":
    """Question by question, the first cells that are shown; a note that says how many; and how
    many evaluations are still to be read."""
    wanted = list[str](scope.rows["cell"].unique())
    chosen, named = _first_configurations(scope, wanted)
    subjects = set[str](scope.rows["subject"].unique())
    frame, unread, read = outcomes_of(scope.data, chosen, subjects, stored)
    more = f" of {len(wanted)}; filter to see others" if len(wanted) > len(chosen) else ""
    which = f" ({named})" if named and more else ""
    return frame, f"made of the questions of {count(len(read), 'cell')}{which}{more}", unread


def _first_configurations(scope: Scope, wanted: list[str]) -> tuple[list[str], str]:
    """Cells of whole configurations, as many as there is room for, and what these are.

    A configuration of which some seeds only were read would weigh in some means and not in others.
    """
    shown, chosen, named = set(wanted), list[str](), list[str]()
    trials: dict[tuple[str, str], list[CellRecord]] = {}
    for data in scope.data:
        for cell in data.ledger.cells:
            if cell.id in shown:
                trials.setdefault((data.sweep, cell.trial), []).append(cell)
    for cells in trials.values():
        if chosen and len(chosen) + len(cells) > MOST_CELLS:
            break
        chosen += [cell.id for cell in cells[:MOST_CELLS]]
        told = {k: v for k, v in cells[0].varied.items() if k in scope.varied}
        named.append(" ".join(f"{k} {show_value(v)}" for k, v in told.items()))
    return chosen, some(filter(None, named), 3)


def _matrix(scope: Scope, metric: str) -> Block:
    frame = tasks.matrix(scope.of(metric), [])
    shown = frame.assign(shown=frame["mean"] * scale_of(metric).factor)
    return Block(
        name="matrix",
        title=f"{heading(metric)} by task",
        frame=frame,
        figure=heat_figure(
            shown,
            "subject",
            tasks.SLICE,
            "shown",
            digits=scale_of(metric).digits,
            state=scope.selection.to_query(),
        ),
        notes=(
            "each field is a mean over seeds; an empty one was not measured",
            *scope.notes(scope.of(metric), []),
        ),
    )


def _difficulty(scope: Scope, outcomes: "pd.DataFrame", note: str) -> Iterator[Block]:
    frame = tasks.by_difficulty(outcomes) if len(outcomes) else outcomes
    if len(frame) and frame["difficulty"].nunique() > 1:
        figure = curve_figure(
            frame,
            "difficulty",
            "accuracy",
            title="difficulty",
            y="right answers, %",
            state=scope.selection.to_query(),
        )
        yield Block("difficulty", "Right answers by difficulty", frame, figure, notes=(note,))


def _positions(scope: Scope, outcomes: "pd.DataFrame", note: str) -> Iterator[Block]:
    if outcomes.empty or outcomes["token_correct"].isna().all():
        return
    frame = tasks.by_position(outcomes)
    if frame.empty:
        return
    drawn = frame[frame["tokens"] >= FEWEST]
    left = len(frame) - len(drawn)
    binned = bool((frame["position"] < frame["last"]).any())
    ends = zip(drawn["position"], drawn["last"], strict=True)
    places = [f"{first}–{last}" for first, last in ends] if binned else drawn["position"]
    figure = curve_figure(
        drawn.assign(place=places),
        "place",
        "token_accuracy",
        title="place in the answer, in tokens",
        y="right tokens, %",
        state=scope.selection.to_query(),
    )
    told = "under teacher forcing, the end of the answer included; bands or bars over seeds"
    wide = "bins double, as answers are long" if binned else ""
    few = _FEW.format(count(left, "mean")) if left else ""
    yield Block(
        name="positions",
        title="Right tokens by their place in the answer",
        frame=frame,
        figure=figure if len(drawn) else None,
        notes=tuple(line for line in (told, wide, few, note) if line),
    )


def _reliability(scope: Scope, bins: "pd.DataFrame", left: int) -> Iterator[Block]:
    frame = tasks.reliability(bins) if len(bins) else bins
    if frame.empty:
        return
    few = int((frame["n"] < FEWEST).sum())
    yield Block(
        name="reliability",
        title="How sure, and how right",
        frame=frame,
        figure=reliability_figure(frame, state=scope.selection.to_query()),
        notes=(
            "answer tokens in bins of confidence, pooled over seeds and tasks; below the dotted "
            "line a model is surer than it is right",
            *([_FEW.format(count(few, "bin"))] if few else []),
            *([f"without {count(left, 'evaluation')} more; filter to see others"] if left else []),
            *scope.notes(scope.of("ece"), []),
        ),
    )


def _disagreement(scope: Scope, outcomes: "pd.DataFrame", note: str) -> Iterator[Block]:
    frame = tasks.disagreement(outcomes) if len(outcomes) else outcomes
    if frame.empty:
        return
    shown = frame.assign(shown=frame["differ"] * 100)
    yield Block(
        name="disagreement",
        title="How often two give different answers, %",
        frame=frame,
        figure=heat_figure(
            shown,
            "second",
            "first",
            "shown",
            names=list(dict.fromkeys(frame["first"])),
            state=scope.selection.to_query(),
        ),
        notes=("of experts where each was measured, else of all subjects; test questions", note),
    )
