"""Parallel coordinates: every configuration as a line through its settings to its result."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dashboards.data.mattered import VALUE
from dashboards.data.scope import sort_key
from dashboards.figures.common import finish, nothing
from dashboards.text import label
from dashboards.theme import GRID, LINES, MUTED
from w2s_platform.cli.render.results import short_keys
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

NOT_APPLICABLE = "n/a"
SHADES = 6
_FOOT = -0.16
_SPREAD, _GOLDEN = 0.05, 0.6180339887
"""Lines through one name are spread evenly, whatever their order (a golden-ratio sequence)."""
_MOST_NAMES = 8


def parallel_figure(
    frame: "pd.DataFrame", keys: Sequence[str], *, title: str, state: str = ""
) -> "go.Figure":
    """Draw configurations as lines, the better the darker.

    Lines, not plotly's own parallel coordinates: these need WebGL, and drop a line that lacks a
    value. A setting that a configuration does not have is a lane of its own at the foot.

    Args:
        frame: One row per configuration: a column per key and `value`, already in its unit.
        keys: The settings, in order.
        title: The name of the last axis.
        state: As long as it stays the same, a reader's zoom does too.
    """
    import plotly.graph_objects as go

    measured = frame[frame[VALUE].notna()]
    if measured.empty or not keys:
        return nothing("no configuration has this result yet", state)
    places = [_places(measured[key].tolist()) for key in keys]
    foot = -0.24 if any(_FOOT in names for _, names in places) else -0.08
    heights = [*(place for place, _ in places), _spread(measured[VALUE].tolist())]
    lines: list[Any] = []
    for shade, members in _shades(measured[VALUE].tolist()):
        xs: list[float | None] = []
        ys: list[float | None] = []
        for index in members:
            shift = _SPREAD * (index * _GOLDEN % 1 - 0.5)
            xs += [*range(len(heights)), None]
            ys += [*(height[index] + shift for height in heights[:-1]), heights[-1][index], None]
        line = {"color": shade, "width": 1.6}
        lines.append(go.Scatter(x=xs, y=ys, mode="lines", line=line, hoverinfo="skip"))
    values = measured[VALUE]
    ends = {1.0: f"{values.max():.4g}", 0.0: f"{values.min():.4g}"}
    figure = go.Figure(lines)
    # All at once: plotly copies those that are there already for each that is added.
    figure.update_layout(annotations=_named([*(names for _, names in places), ends]))
    heads = [label(key, 24) for key in (*short_keys(keys), title)]
    figure.update_xaxes(
        tickvals=list(range(len(heads))),
        ticktext=heads,
        gridcolor=MUTED,
        side="top",
        range=[-0.35, len(keys) + 0.35],
    )
    figure.update_yaxes(visible=False, range=[foot, 1.08], gridcolor=GRID)
    return finish(figure, 420, state, legend=False)


def _places(values: Sequence[Any]) -> tuple[list[float], dict[float, str]]:
    """Where each value stands on its axis, from 0 to 1 (n/a: below), and the names there."""
    present = sorted(
        {show_value(v): v for v in values if show_value(v) != "–"}.values(), key=sort_key
    )
    numbers = all(sort_key(value)[0] == 0 for value in present) and len(present) > _MOST_NAMES
    if numbers:
        amounts = [sort_key(value)[1] for value in present]
        heights = dict(zip(map(show_value, present), _spread(amounts), strict=True))
        names = {0.0: show_value(present[0]), 1.0: show_value(present[-1])}
    else:
        last = max(1, len(present) - 1)
        heights = {show_value(value): index / last for index, value in enumerate(present)}
        if len(present) == 1:
            heights = dict.fromkeys(heights, 0.5)
        names = {height: name for name, height in heights.items()}
    if any(show_value(value) == "–" for value in values):
        names[_FOOT] = NOT_APPLICABLE
    return [heights.get(show_value(value), _FOOT) for value in values], names


def _spread(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [0.5 if high == low else (value - low) / (high - low) for value in values]


def _shades(values: Sequence[float]) -> list[tuple[str, list[int]]]:
    """Configurations by how good they are, the best last: they are drawn above the others."""
    from plotly.colors import sample_colorscale

    heights = _spread(values)
    groups: list[list[int]] = [[] for _ in range(SHADES)]
    for index, height in enumerate(heights):
        groups[min(SHADES - 1, int(height * SHADES))].append(index)
    at = [shade / (SHADES - 1) for shade in range(SHADES)]
    colours = sample_colorscale(LINES, at)
    return [(str(c), members) for c, members in zip(colours, groups, strict=True) if members]


def _named(axes: Sequence[dict[float, str]]) -> list[dict[str, Any]]:
    """Each axis's names, beside where they stand."""
    look = {
        "showarrow": False,
        "xanchor": "left",
        "xshift": 5,
        "bgcolor": "rgba(255,255,255,0.75)",
        "font": {"size": 11, "color": "#1b2130"},
    }
    return [
        {"x": axis, "y": height, "text": label(name, 22), **look}
        for axis, names in enumerate(axes)
        for height, name in names.items()
    ]
