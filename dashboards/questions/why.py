"""Why?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dashboards.blocks import Answer, Block, Blocks, Link
from dashboards.data import why
from dashboards.data.health import unmeasured
from dashboards.data.reader import SweepData
from dashboards.data.scope import Scope
from dashboards.data.stored import Stored
from dashboards.figures.maps import heat_figure
from dashboards.figures.rounds import round_figure
from dashboards.selection import Selection
from ensemble_core.errors import W2SError
from w2s_platform import results
from w2s_platform.results.ledger import CellRecord
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    pass


def answer(scope: Scope, stored: Stored) -> Answer:
    """One cell: its rounds, where the weight went, the questions that were answered otherwise."""
    found = chosen_cell(scope)
    if found is None:
        return Answer(lead=(unmeasured(scope.data),), controls=("cell",))
    data, cell = found
    varied = ", ".join(f"{key} {show_value(value)}" for key, value in cell.varied.items())
    lead = f"Cell {cell.id} of {data.sweep}, seed {cell.seed}{f': {varied}' if varied else ''}."
    return Answer(Blocks(lambda: _blocks(scope, stored, data, cell)), (lead,), ("cell",))


def _blocks(scope: Scope, stored: Stored, data: SweepData, cell: CellRecord) -> Iterator[Block]:
    yield from _asked(scope, stored, data, cell)
    yield from _rounds(scope, stored, data, cell)
    yield from _weights(scope, stored, data, cell)
    yield from _heaviest(stored, data, cell)
    yield from _otherwise(scope, stored, data, cell)


def chosen_cell(scope: Scope) -> tuple[SweepData, CellRecord] | None:
    """The chosen cell; else the first that is shown and has a measurement."""
    shown = set(scope.rows["cell"].unique())
    known = [(data, cell) for data in scope.data for cell in data.ledger.cells]
    wanted = scope.selection.cell
    named = (pair for pair in known if wanted and pair[1].id == wanted)
    return next(named, next((pair for pair in known if pair[1].id in shown), None))


def _rounds(scope: Scope, stored: Stored, data: SweepData, cell: CellRecord) -> Iterator[Block]:
    frame = stored.ask(results.rounds, data, cell=cell.id)
    if frame.empty:
        return
    yield Block(
        name="rounds",
        title="Round by round: each expert's error and weight",
        frame=frame,
        figure=round_figure(frame, state=scope.selection.to_query()),
        words=tuple(why.round_words(frame)),
        notes=(
            "ε: the expert's error on the labelled tokens, by their weight in the round; ε of the "
            "pretrained model: the same tokens, unweighted; α: the expert's weight in the ensemble",
            "evenness: 1 where all tokens weigh the same",
        ),
    )


def _weights(scope: Scope, stored: Stored, data: SweepData, cell: CellRecord) -> Iterator[Block]:
    frame = stored.ask(results.weight_by_position, data, cell=cell.id)
    if frame.empty:
        return
    shown = frame.assign(
        shown=frame["weight"] / frame["uniform"],
        name=[f"round {number}" for number in frame["round"]],
    )
    yield Block(
        name="weights",
        title="Where the weight went: by place in the answer",
        frame=frame,
        figure=heat_figure(
            shown,
            "position",
            "name",
            "shown",
            titles=("place in the answer, in tokens", ""),
            digits=2,
            state=scope.selection.to_query(),
        ),
        notes=("weight of a token there, as a multiple of the mean; round 1 weighs all the same",),
    )


def _heaviest(stored: Stored, data: SweepData, cell: CellRecord) -> Iterator[Block]:
    try:
        frame = stored.ask(results.heaviest_tokens, data, cell=cell.id)
    except W2SError as error:
        yield _apology("heaviest", "The tokens that weighed most", error)
        return
    later = frame[frame["round"] > 1] if len(frame) else frame
    if later.empty:
        return
    columns = ["round", "prompt", "answer", "token", "position", "weight", "wrong"]
    yield Block(
        name="heaviest",
        title="The tokens that weighed most in each round",
        frame=later,
        text=later[columns].assign(weight=later["weight"].round(1)),
        notes=("weight as a multiple of the mean; wrong: the round's expert missed it",),
    )


def _otherwise(scope: Scope, stored: Stored, data: SweepData, cell: CellRecord) -> Iterator[Block]:
    import pandas as pd

    outcomes = stored.ask(results.questions, data, cell=cell.id)
    frame = results.answered_differently(outcomes) if len(outcomes) else outcomes
    if frame.empty:
        return
    ordered = why.most_telling(frame)
    links = [_link(scope.selection, cell.id, question) for question in ordered["question"]]
    text = why.readable(ordered, outcomes)
    text = text.assign(votes=pd.Series(links, dtype=object))
    words = why.changed_words(outcomes, frame)
    yield Block(
        name="otherwise",
        title="Questions that ensemble and floor answer differently",
        frame=ordered,
        text=text,
        words=tuple(words),
        notes=("those that the ensemble gets right and the floor wrong come first",),
    )


def _link(selection: Selection, cell: str, question: str) -> Link:
    return Link("token by token", selection.but(cell=cell, asked=question))


def _asked(scope: Scope, stored: Stored, data: SweepData, cell: CellRecord) -> Iterator[Block]:
    question = scope.selection.asked
    if not question:
        return
    title = "Token by token: what each expert would write"
    try:
        frame = stored.ask(why.votes_of, data, cell=cell.id, question=question)
    except W2SError as error:
        yield _apology("votes", title, error)
        return
    yield Block(
        name="votes",
        title=title,
        frame=frame,
        text=why.votes_table(frame),
        notes=(
            f"question {question}; every expert reads the true answer up to each place; ✓ where "
            "its likeliest token is the true one, with that token's probability",
        ),
    )


def _apology(name: str, title: str, error: W2SError) -> Block:
    import pandas as pd

    return Block(name, title, pd.DataFrame({"why not": [str(error)]}))
