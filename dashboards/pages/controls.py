"""What can be chosen on a page, as labelled dropdowns."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html

from dashboards.blocks import Answer
from dashboards.data.offers import Offers
from dashboards.data.scope import NOTHING, Scope
from dashboards.selection import Selection
from w2s_platform.cli.render.results import short_keys


def controls_view(
    answer: Answer, scope: Scope, offers: Offers, names: Sequence[str], selection: Selection
) -> Any:
    """The choices of a page.

    Args:
        answer: The page's, which says what it can be asked by.
        scope: What is shown.
        offers: What there is to choose from.
        names: All sweeps of the store.
        selection: What is chosen now.
    """
    offered: dict[str, tuple[str, Sequence[str] | Mapping[str, str], Any, bool]] = {
        "metric": ("Metric", scope.metrics, selection.metric, False),
        "by": ("Keep apart", [*offers.varied, "task", "split", NOTHING], list(selection.by), True),
        "x": ("Along the curve", offers.varied, selection.x, False),
        "y": ("Down the map", offers.varied, selection.y, False),
        "cell": ("Cell", offers.cells, selection.cell, False),
        "subject": ("Whose numbers", offers.values["subject"], selection.subject, False),
    }
    shown = [_dropdown("sweep", "Sweeps", names, list(selection.sweeps), multi=True)]
    for name in answer.controls:
        title, options, value, multi = offered[name]
        hint = scope.metric if name == "metric" else "automatic"
        shown.append(_dropdown(name, title, options, value, multi=multi, hint=hint))
    filters = _filters(offers, selection) if answer.filters else []
    return html.Div([html.Div(shown, className="grid"), *filters], className="controls")


def _filters(offers: Offers, selection: Selection) -> list[Any]:
    """What can be left out; folded away where nothing is."""
    titles = dict(zip(offers.varied, short_keys(offers.varied), strict=True))
    shown = [
        _dropdown(
            f"f.{column}",
            f"Only {titles.get(column, column)}",
            values,
            list(selection.where.get(column, ())),
            multi=True,
        )
        for column, values in offers.values.items()
        if len(values) > 1
    ]
    chosen = len(selection.where)
    summary = html.Summary(f"Filters ({chosen} set)" if chosen else "Filters")
    grid = html.Div(shown, className="grid")
    return [html.Details([summary, grid], open=chosen > 0)] if shown else []


def _dropdown(
    name: str,
    title: str,
    options: Sequence[str] | Mapping[str, str],
    value: Any,
    *,
    multi: bool,
    hint: str = "all",
) -> Any:
    """A choice among values, or among the values of a mapping by what people read for them."""
    told: Mapping[str, str] = options if isinstance(options, Mapping) else {}
    chosen: list[str] = value if multi else [value] if value else []
    known = list(dict.fromkeys([*options, *chosen]))
    return html.Div(
        [
            html.Label(title, id=f"choice-{name}"),
            dcc.Dropdown(
                id={"control": name},
                options=[{"label": told.get(each, each), "value": each} for each in known],
                value=value or None,
                multi=multi,
                placeholder=hint,
            ),
        ],
        key=name,
    )
