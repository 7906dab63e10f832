"""Answers as one HTML file: figures, tables and the library that draws them, all inside."""

import base64
import gzip
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboards.blocks import Answer, Block, Link
from dashboards.text import is_number
from w2s_platform.cli.render.tables import to_csv
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    import pandas as pd

_FOLDER = Path(__file__).parent
_ASSETS = _FOLDER.parent / "assets"
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; connect-src data:"
)
"""The page loads nothing from anywhere; what it shows can't call home either."""
ROWS_SHOWN = 200


def html_page(title: str, stamp: str, answers: Sequence[tuple[str, str, Answer]]) -> str:
    """The whole file.

    Args:
        title: What the report is about.
        stamp: Where its numbers come from.
        answers: Name, question and answer, in the order of reading.
    """
    named = [(name, block) for name, _, answer in answers for block in answer.blocks]
    data = {f"{name}-{block.name}": _data(block) for name, block in named}
    nav = "".join(
        f'<a href="#{escape(name)}">{escape(question)}</a>' for name, question, _ in answers
    )
    sections = "".join(_section(*each, stamp=stamp) for each in answers)
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return "\n".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{_text(_ASSETS / 'style.css')}.old .plot::after "
            '{ content: "This browser is too old to draw figures; the numbers are below."; }'
            "</style>",
            f"<script>{_text(_ASSETS / 'figures.js')}</script>",
            "</head>\n<body>",
            '<a class="skip" href="#main">Skip to the results</a>',
            f'<div class="page"><header class="top"><h1>{escape(title)}</h1>'
            f'<span class="stamp">{escape(stamp)} · {made}</span>'
            '<button type="button" class="theme">Light or dark</button></header>',
            f'<nav class="questions" aria-label="Questions">{nav}</nav>',
            f'<main id="main">{sections}</main></div>',
            _packed("w2s-data", json.dumps(data, allow_nan=False)),
            _library(),
            f"<script>{_text(_FOLDER / 'report.js')}</script>",
            "</body>\n</html>\n",
        )
    )


def html_table(frame: "pd.DataFrame", rows: int = ROWS_SHOWN) -> str:
    """A table's HTML, everything in it escaped."""
    numeric = [is_number(frame[name]) for name in frame.columns]
    classes = [' class="number"' if number else "" for number in numeric]
    head = "".join(
        f'<th scope="col"{kind}>{escape(str(name))}</th>'
        for name, kind in zip(frame.columns, classes, strict=True)
    )
    lines = (
        "".join(
            f"<td{kind}>{escape(show_value(value))}</td>"
            for value, kind in zip(values, classes, strict=True)
        )
        for values in frame.head(rows).itertuples(index=False, name=None)
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _section(name: str, question: str, answer: Answer, *, stamp: str) -> str:
    lead = "".join(f"<p>{escape(line)}</p>" for line in answer.lead)
    blocks = "".join(_block(name, block, stamp) for block in answer.blocks)
    return (
        f'<section aria-labelledby="{escape(name)}"><h2 id="{escape(name)}">{escape(question)}</h2>'
        f"{f'<div class=lead>{lead}</div>' if lead else ''}{blocks}</section>"
    )


def _block(section: str, block: Block, stamp: str) -> str:
    name = escape(f"{section}-{block.name}")
    plot, tools = "", ""
    about = f'data-file="{name}" data-stamp="{escape(stamp)}"'
    if block.figure is not None:
        plot = f'<div class="plot" role="img" aria-label="{escape(_spoken(block))}"></div>'
        tools = "".join(
            f'<button type="button" data-figure="{form}" {about}>{form.upper()}</button>'
            for form in ("png", "svg")
        )
    tools += f'<button type="button" data-table="csv" {about}>CSV</button>'
    shown, total = _without_links(block.shown), len(block.shown)
    more = f" (the first {ROWS_SHOWN} of {total} rows; CSV has all)" if total > ROWS_SHOWN else ""
    opened = " open" if block.figure is None else ""
    return (
        f'<article class="block" id="{name}"><h3>{escape(block.title)}</h3>'
        f"{_list('words', block.words)}{plot}"
        f"<details{opened}><summary>The numbers{escape(more)}</summary>"
        f'<div class="table" tabindex="0">{html_table(shown)}</div></details>'
        f'<div class="tools"><span>Save as</span>{tools}</div>{_list("notes", block.notes)}'
        "</article>"
    )


def _without_links(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A file has nowhere to lead to."""
    linked = [
        name for name in frame.columns if frame[name].map(lambda v: isinstance(v, Link)).any()
    ]
    return frame.drop(columns=linked)


def _spoken(block: Block) -> str:
    return ". ".join((block.title, *block.words)) + ". The numbers are in the table below."


def _list(kind: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="{kind}">{items}</ul>' if items else ""


def _data(block: Block) -> dict[str, Any]:
    figure = json.loads(str(block.figure.to_json())) if block.figure is not None else None
    return {"figure": figure, "csv": to_csv(block.frame)}


def _packed(name: str, text: str) -> str:
    """Text as a part of the page that no browser runs or shows. Base64 has no `<` in it."""
    packed = base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()
    return f'<script type="text/plain" id="{name}">{packed}</script>'


@cache
def _library() -> str:
    from plotly.offline import get_plotlyjs

    return _packed("w2s-plotly", get_plotlyjs())


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
