"""Bars: amounts by name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dashboards.figures.common import finish
from dashboards.text import label

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_LINE, _HEAD = 28, 70


def bar_figure(
    frame: "pd.DataFrame", name: str, parts: Mapping[str, str], *, title: str, state: str = ""
) -> "go.Figure":
    """Draw amounts, from the top in the order of the rows.

    Args:
        frame: One row per bar.
        name: The column of the names.
        parts: Columns of the amounts, which are laid end to end → their colour.
        title: The name of the axis.
        state: As long as it stays the same, a reader's zoom does too.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    names = [label(value) for value in frame[name]]
    for column, colour in parts.items():
        figure.add_trace(
            go.Bar(
                y=names,
                x=frame[column],
                name=label(column),
                orientation="h",
                marker_color=colour,
                hovertemplate="%{y}: %{x:.4g}",
            )
        )
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_xaxes(title_text=label(title), rangemode="tozero")
    several = len(parts) > 1
    height = _HEAD + _LINE * (max(2, len(names)) + several)
    return finish(
        figure,
        height,
        state,
        titled=False,
        legend=several,
        barmode="stack",
        legend_traceorder="normal",
    )
