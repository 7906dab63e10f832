"""Points in the plane: what was reached against what it cost, and how sure against how right."""

from typing import TYPE_CHECKING, Any

from dashboards.figures.common import finish, panel_axes, panels
from dashboards.text import label
from dashboards.theme import MUTED, subject_colour, subject_symbol

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def frontier_figure(
    frame: "pd.DataFrame", *, x: str, y: str, titles: tuple[str, str], state: str = ""
) -> "go.Figure":
    """Draw results against costs, and the line of those that none beats for less.

    Args:
        frame: Columns `x, y, subject, name, best`; where `best`, nothing is better for less.
        x: The column of the costs.
        y: The column of the results.
        titles: The names of the two axes.
        state: As long as it stays the same, a reader's zoom does too.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for subject, part in frame.groupby("subject", sort=False):
        name = str(subject)
        figure.add_trace(
            go.Scatter(
                x=part[x],
                y=part[y],
                mode="markers",
                name=label(name),
                marker={
                    "color": subject_colour(name),
                    "symbol": subject_symbol(name),
                    "size": 10,
                    "opacity": 0.85,
                },
                customdata=[label(text, 120) for text in part["name"]],
                hovertemplate="%{customdata}<br>%{x:.4g}, %{y:.4g}",
            )
        )
    best = frame[frame["best"]].sort_values(x)
    figure.add_trace(
        go.Scatter(
            x=best[x],
            y=best[y],
            mode="lines",
            line={"color": MUTED, "dash": "dot", "shape": "hv"},
            name="none is better for less",
            hoverinfo="skip",
        )
    )
    figure.update_xaxes(title_text=label(titles[0]))
    figure.update_yaxes(title_text=label(titles[1]))
    return finish(figure, 400, state, titled=False)


FEWEST = 30
"""Tokens that a bin needs to be drawn; the table has all."""


def reliability_figure(frame: "pd.DataFrame", *, state: str = "") -> "go.Figure":
    """Draw how often predictions are right against how sure they were, one panel per role.

    Args:
        frame: Columns `role, subject, confidence, accuracy, n`, sorted by confidence.
        state: As long as it stays the same, a reader's zoom does too.
    """
    import plotly.graph_objects as go

    roles = list(dict.fromkeys(frame["role_name"]))
    frame = frame[frame["n"] >= FEWEST]
    traces: list[dict[str, Any]] = []
    for column, role in enumerate(roles, 1):
        first, axes = column == 1, panel_axes(column)
        subjects = frame[frame["role_name"] == role].groupby("subject", sort=False)
        lines = [_line(part, str(subject), first=first) for subject, part in subjects]
        traces += [each | axes for each in (_calibrated(first=first), *lines)]
    figure = go.Figure({"data": traces, "layout": panels(roles)})
    figure.update_xaxes(title_text="confidence, %", range=[0, 101])
    figure.update_yaxes(range=[0, 101])
    figure.update_layout(yaxis_title_text="right, %")
    return finish(figure, 400, state)


def _calibrated(*, first: bool) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": [0, 100],
        "y": [0, 100],
        "mode": "lines",
        "line": {"color": MUTED, "dash": "dot", "width": 1},
        "name": "calibrated",
        "legendgroup": "calibrated",
        "showlegend": first,
        "hoverinfo": "skip",
    }


def _line(part: "pd.DataFrame", subject: str, *, first: bool) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": part["confidence"] * 100,
        "y": part["accuracy"] * 100,
        "mode": "lines+markers",
        "name": label(subject),
        "legendgroup": label(subject),
        "showlegend": first,
        "line": {"color": subject_colour(subject), "width": 1.5},
        "marker": {"symbol": subject_symbol(subject), "size": 7},
        "customdata": part["n"],
        "hovertemplate": "sure %{x:.1f} %, right %{y:.1f} %, %{customdata} tokens",
    }
