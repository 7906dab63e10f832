"""A metric over a setting, one line per subject: bands over numbers, bars over names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dashboards.data.scope import role_name
from dashboards.figures.common import finish, panel_axes, panels, with_alpha
from dashboards.text import label
from dashboards.theme import subject_colour, subject_symbol
from w2s_platform.cli.render.metrics import scale_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

HEIGHT = 380
_LEFT, _BELOW = 56, 46
"""Pixels beside and below numbers."""


def curve_figure(
    frame: "pd.DataFrame", x: str, metric: str, *, title: str, y: str, state: str = ""
) -> "go.Figure":
    """Draw means over a setting, with their intervals.

    Args:
        frame: Columns `x, role, subject, mean, low, high, n`, sorted by `x`. Numbers stand along a
            number axis, joined by lines with bands; anything else are names in the order of the
            rows, points with bars side by side, as nothing lies between two names.
        x: The column of the setting.
        metric: Decides unit and decimals.
        title: The name of the horizontal axis.
        y: The name of the vertical axis.
        state: As long as it stays the same, a reader's zoom does too.
    """
    import plotly.graph_objects as go

    roles = list(dict.fromkeys(frame["role"]))
    subjects = list(dict.fromkeys(frame["subject"]))
    scale, names = scale_of(metric), not _numbers(frame[x].tolist())
    drawn: list[dict[str, Any]] = []
    for column, role in enumerate(roles, 1):
        axes = panel_axes(column)
        for subject in subjects:
            part = frame[(frame["role"] == role) & (frame["subject"] == subject)]
            traces = _traces(part, x, subject, scale.factor, first=column == 1)
            drawn += [t | axes for t in (_points(traces, part, scale.factor) if names else traces)]
    figure = go.Figure({"data": drawn, "layout": panels([role_name(role) for role in roles])})
    # Numbers fit: plotly need not draw all axes, measure them, and draw them again.
    figure.update_xaxes(title_text=label(title), automargin=names, **_axis(frame[x].tolist()))
    figure.update_yaxes(automargin=names)
    figure.update_layout(yaxis_title_text=label(y))
    if names:
        return finish(figure, HEIGHT, state, scattermode="group", scattergap=0.3)
    return finish(figure, HEIGHT, state, margin_l=_LEFT, margin_b=_BELOW)


def _axis(values: Sequence[Any]) -> dict[str, Any]:
    if not _numbers(values):
        return {"type": "category"}
    different = sorted(set(values))
    powers = {"type": "log"} if different and different[-1] > 99 * different[0] > 0 else {}
    return powers | ({"tickvals": different} if len(different) <= 12 else {})


def _numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, (int, float)) for value in values)


def _points(
    traces: list[dict[str, Any]], part: "pd.DataFrame", factor: float
) -> list[dict[str, Any]]:
    """The last of a subject's traces as points with bars; no band."""
    if not traces:
        return []
    mean, low, high = (part[name] * factor for name in ("mean", "low", "high"))
    bars = {
        "type": "data",
        "array": (high - mean).fillna(0.0),
        "arrayminus": (mean - low).fillna(0.0),
        "thickness": 1.5,
        "width": 0,
    }
    line = traces[-1]
    small = {"marker": line["marker"] | {"size": 7}, "offsetgroup": line["legendgroup"]}
    return [line | small | {"mode": "markers", "error_y": bars}]


def _traces(
    part: "pd.DataFrame", x: str, subject: str, factor: float, *, first: bool
) -> list[dict[str, Any]]:
    """Plain data: plotly checks it once, where it would copy and check traces twice."""
    if part.empty:
        return []
    colour = subject_colour(subject)
    at = [value if isinstance(value, (int, float)) else label(value) for value in part[x]]
    mean, low, high = (part[name] * factor for name in ("mean", "low", "high"))
    line: dict[str, Any] = {
        "type": "scatter",
        "x": at,
        "y": mean,
        "name": label(subject),
        "legendgroup": label(subject),
        "showlegend": first,
        "mode": "lines+markers",
        "line": {"color": colour, "width": 2},
        "marker": {"symbol": subject_symbol(subject), "size": 9},
        "customdata": list(zip(low, high, part["n"], strict=True)),
        "hovertemplate": "%{y:.1f} (%{customdata[0]:.1f} to %{customdata[1]:.1f}), "
        "%{customdata[2]} seeds",
    }
    if low.isna().all():  # one seed: no band
        return [line]
    band: dict[str, Any] = {
        "type": "scatter",
        "x": [*at, *reversed(at)],
        "y": [*high.fillna(mean), *reversed(list(low.fillna(mean)))],
        "mode": "lines",
        "fill": "toself",
        "fillcolor": with_alpha(colour, 0.11),
        "line": {"width": 0},
        "legendgroup": label(subject),
        "showlegend": False,
        "hoverinfo": "skip",
    }
    return [band, line]
