"""Tables as files: exactly the rows of a block, stamped with where they come from."""

import io
from typing import TYPE_CHECKING

from flask import Flask, Response, abort, request

from dashboards.blocks import Block
from dashboards.pages.views import Views
from dashboards.selection import Selection
from dashboards.text import is_number
from ensemble_core.errors import W2SError
from w2s_platform.cli.render.layout import Layout, Row, to_latex
from w2s_platform.cli.render.tables import to_csv, to_parquet
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    import pandas as pd

TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "tex": "text/plain"}


def add_downloads(server: Flask, views: Views) -> None:
    """Serve `file/QUESTION/BLOCK.FORMAT?STATE`. The names only choose among what is shown."""

    def file(question: str, block: str, form: str) -> Response:
        selection = Selection.from_query(request.query_string.decode()).but(question=question)
        try:
            answer, scope = views.answer(selection)
        except W2SError as error:
            abort(404, str(error))
        found = answer.block(block)
        if found is None or form not in TYPES:
            abort(404, "There is no such table.")
        stamps = [(data.key, ", ".join(data.commits)) for data in scope.data]
        name = "-".join(data.sweep for data in scope.data)
        response = Response(encode(found, form, stamps), mimetype=TYPES[form])
        response.headers.set(
            "Content-Disposition", "attachment", filename=f"{name}-{question}-{found.name}.{form}"
        )
        return response

    server.add_url_rule("/file/<question>/<block>.<form>", view_func=file)


def encode(block: Block, form: str, stamps: list[tuple[str, str]]) -> bytes:
    """A block's rows as a file.

    Args:
        block: What is shown.
        form: One of `TYPES`.
        stamps: Sweep key and git commits of each sweep that is shown.
    """
    key = " | ".join(key for key, _ in stamps)
    commit = " | ".join(commit for _, commit in stamps)
    if form == "tex":
        return _latex(block, f"sweep key {key}; git {commit}").encode()
    stamped = block.frame.assign(sweep_key=key, git_commit=commit)
    return to_csv(stamped).encode() if form == "csv" else to_parquet(stamped)


def _latex(block: Block, stamp: str) -> str:
    rows = [
        Row(tuple(show_value(value) for value in values))
        for values in block.shown.itertuples(index=False, name=None)
    ]
    columns = tuple(map(str, block.shown.columns))
    layout = Layout(block.title, columns, tuple(rows), labels=_labels(block.shown))
    comment = io.StringIO()
    for line in stamp.splitlines():
        comment.write(f"% {line}\n")
    return comment.getvalue() + to_latex([layout])


def _labels(frame: "pd.DataFrame") -> int:
    """How many first columns hold words."""
    numeric = [is_number(frame[name]) for name in frame.columns]
    return numeric.index(True) if True in numeric else min(1, len(numeric))
