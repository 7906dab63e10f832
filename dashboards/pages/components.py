"""Blocks as Dash components. Dash hands text to the browser as text: none of it is HTML."""

import json
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dash import dcc, html

from dashboards.blocks import Answer, Block, Link
from dashboards.selection import Selection
from dashboards.text import is_number
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    import pandas as pd

ROWS_SHOWN = 100
FORMATS = {"csv": "CSV", "parquet": "Parquet", "tex": "LaTeX"}
_GRAPH: Any = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["toImage", "lasso2d", "select2d"],
}


def answer_view(answer: Answer, selection: Selection, stamp: str, later: str) -> list[Any]:
    """An answer: what to read first, then block by block.

    Args:
        answer: What is shown.
        selection: What it was asked by.
        stamp: Where its numbers come from.
        later: What the browser asks for the blocks after the first with; empty: they come at once.
    """
    lead = [html.Div([html.P(line) for line in answer.lead], className="lead")]
    first = [block_view(block, selection, stamp) for block in islice(answer.blocks, 1)]
    rest = _promise(later) if later else html.Div(rest_view(answer, selection, stamp))
    return [*(lead if answer.lead else []), *first, rest]


def rest_view(answer: Answer, selection: Selection, stamp: str) -> list[Any]:
    """The blocks after the first."""
    return [block_view(block, selection, stamp) for block in islice(answer.blocks, 1, None)]


def _promise(later: str) -> Any:
    """A place that the blocks after the first are put into, see `app`."""
    waiting = html.P("The other figures follow …", className="progress", role="status")
    return html.Div(waiting, id={"rest": later}, className="rest")


def block_view(block: Block, selection: Selection, stamp: str) -> Any:
    """One figure or table with its numbers, its downloads and its notes."""
    name = f"{selection.question}-{block.name}"
    parts: list[Any] = [html.H3(block.title), _list("words", block.words)]
    if block.figure is not None:
        layout: Any = block.figure.layout
        height = layout.height or 360
        graph = dcc.Graph(
            id=f"graph-{name}",
            figure=block.figure,
            config=_GRAPH,
            style={"height": f"{height}px", "width": "100%"},
            responsive=True,
        )
        spoken = ". ".join((block.title, *block.words)) + ". The numbers are in the table below."
        parts.append(html.Div(graph, className="plot", role="img", **named(spoken)))
    parts += [_numbers(block), _tools(block, name, selection, stamp), _list("notes", block.notes)]
    return html.Article(parts, className="block", id=name, key=name)


def named(text: str) -> dict[str, Any]:
    """What a screen reader calls an element."""
    return {"aria-label": text}


def table_view(frame: "pd.DataFrame", rows: int = ROWS_SHOWN) -> Any:
    """The first rows of a table, as the text that `assets/tables.js` makes a table of."""
    kinds = ["number" if is_number(frame[name]) else "" for name in frame.columns]
    told = {
        "columns": [str(name) for name in frame.columns],
        "kinds": kinds,
        "rows": [
            [_cell(value) for value in values]
            for values in frame.head(rows).itertuples(index=False, name=None)
        ],
    }
    text: dict[str, Any] = {"data-table": json.dumps(told, ensure_ascii=False)}
    return html.Div(className="table", tabIndex="0", **text)


def _cell(value: Any) -> Any:
    if isinstance(value, Link):
        return {"text": value.text, "to": f"?{value.to.to_query()}"}
    return show_value(value)


def _numbers(block: Block) -> Any:
    total = len(block.shown)
    more = (
        f" (the first {ROWS_SHOWN} of {total} rows; a download has all)"
        if total > ROWS_SHOWN
        else ""
    )
    summary = html.Summary(f"The numbers{more}")
    return html.Details([summary, table_view(block.shown)], open=block.figure is None)


def _tools(block: Block, name: str, selection: Selection, stamp: str) -> Any:
    about: dict[str, Any] = {"type": "button", "data-file": name, "data-stamp": stamp}
    figures = [
        _button(form.upper(), about | {"data-figure": form})
        for form in (("png", "svg") if block.figure is not None else ())
    ]
    tables = [
        html.A(
            title,
            href=f"file/{quote(selection.question)}/{quote(block.name)}.{form}"
            f"?{selection.to_query()}",
            className="button",
            download="",
        )
        for form, title in FORMATS.items()
    ]
    return html.Div([html.Span("Save as"), *figures, *tables], className="tools")


def _button(text: str, attributes: dict[str, Any]) -> Any:
    return html.Button(text, **attributes)


def _list(kind: str, lines: Iterable[str]) -> Any:
    return html.Ul([html.Li(line) for line in lines], className=kind)
