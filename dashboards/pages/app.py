"""The Dash app: a shell with an address, a clock, and a place that is filled from both."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from dash import ALL, MATCH, ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from flask import Flask

from dashboards.data.library import Library
from dashboards.pages.downloads import add_downloads
from dashboards.pages.guard import Guard
from dashboards.pages.views import Views

PACE, FAST_PACE = 5000, 2500
"""Milliseconds between two looks at the store; the second while there is more to read, which may be
read between them (see `Library.read_ahead`)."""

_PRELOAD = "".join(
    f'<link rel="preload" as="script" href="/_dash-component-suites/{path}">'
    for path in ("plotly/package_data/plotly.min.js", "dash/dcc/async-graph.js")
)
"""Dash asks for these when it has the first figure; the browser can fetch them meanwhile."""


def create_app(library: Library, guard: Guard) -> Dash:
    """The dashboard over a store.

    Args:
        library: The store's sweeps.
        guard: Who may look.
    """
    views = Views(library)
    server = Flask("dashboards")
    guard.protect(server)
    add_downloads(server, views)
    app = Dash(
        "dashboards",
        server=cast("Any", server),
        assets_folder=str(Path(__file__).parent.parent / "assets"),
        title="Weak-to-strong results",
        update_title="",
        suppress_callback_exceptions=True,  # the choices of a page come with the page
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        enable_mcp=False,
    )
    app.index_string = app.index_string.replace("{%css%}", f"{{%css%}}{_PRELOAD}")
    server.wsgi_app = _first(server.wsgi_app, library)
    app.layout = _shell
    _add_callbacks(app, views)
    guard.allow_scripts(app.csp_hashes())
    return app


def _first(answer: Callable[..., Any], library: Library) -> Any:
    """Requests go before what is read ahead."""

    def answered(environ: Any, start: Any) -> Any:
        with library.at_work():
            return answer(environ, start)

    return answered


def _shell() -> Any:
    return html.Div(
        [
            html.A("Skip to the results", href="#main", className="skip"),
            dcc.Location(id="address", refresh=False),
            dcc.Interval(id="clock", interval=PACE),
            dcc.Store(id="seen"),
            html.Div(
                html.P("Reading the store …", className="progress", role="status"),
                id="content",
                className="page",
            ),
            html.Div(
                dcc.Checklist(
                    options=[{"label": " look for new results every 5 s", "value": "live"}],
                    value=["live"],
                    id="live",
                ),
                className="page live",
            ),
        ],
        lang="en",
    )


def _add_callbacks(app: Dash, views: Views) -> None:
    @app.callback(
        Output("content", "children"),
        Output("seen", "data"),
        Output("clock", "interval"),
        Input("address", "search"),
        Input("clock", "n_intervals"),
        State("seen", "data"),
        # A new look would take the place of one that is still under way, which then showed nothing.
        running=[(Output("clock", "max_intervals"), 0, -1)],
    )
    def show(search: str | None, _: int | None, seen: str | None) -> Any:  # pyright: ignore[reportUnusedFunction]
        view = views.page(search or "", seen)
        if view is None:
            return no_update, no_update, no_update
        return view.children, view.version, FAST_PACE if view.unread else PACE

    @app.callback(Output({"rest": MATCH}, "children"), Input({"rest": MATCH}, "id"))
    def follow(place: dict[str, str]) -> Any:  # pyright: ignore[reportUnusedFunction]
        return views.rest(place["rest"])

    app.clientside_callback(
        ClientsideFunction("w2s", "address"),
        Output("address", "search"),
        Input({"control": ALL}, "value"),
        State({"control": ALL}, "id"),
        State("address", "search"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("w2s", "paused"), Output("clock", "disabled"), Input("live", "value")
    )
