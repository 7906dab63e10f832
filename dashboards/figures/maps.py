"""Heat maps: a number for each pair of names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dashboards.figures.common import ROOM, finish, panel_axes, panels
from dashboards.text import label
from dashboards.theme import DIVERGING, SEQUENTIAL

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_LINE, _HEAD = 30, 120
MOST_TEXTS = 400
"""Fields up to which each shows its number."""


def heat_figure(
    frame: "pd.DataFrame",
    x: str,
    y: str,
    value: str,
    *,
    panel: str = "",
    titles: tuple[str, str] = ("", ""),
    digits: int = 1,
    centred: bool = False,
    names: Sequence[str] = (),
    state: str = "",
) -> "go.Figure":
    """Draw a value for each pair; a pair without one stays empty.

    Args:
        frame: One row per field; names stand in the order of the rows.
        x: The column along the horizontal axis.
        y: The column along the vertical axis, from the top.
        value: The column of the values, already in the unit to show.
        panel: A column of which each value has a panel of its own.
        titles: The names of the two axes.
        digits: Decimals.
        names: The order of both axes; default: that of the rows.
        centred: Colours tell what is above zero from what is below.
        state: As long as it stays the same, a reader's zoom does too.
    """
    import plotly.graph_objects as go

    parts = list(dict.fromkeys(frame[panel])) if panel else [""]
    columns, rows = (list(names or dict.fromkeys(map(str, frame[name]))) for name in (x, y))
    traces: list[dict[str, Any]] = []
    for place, name in enumerate(parts, 1):
        part = frame[frame[panel] == name] if panel else frame
        traces.append(_map(part, (x, y, value), columns, rows, digits) | panel_axes(place))
    figure = go.Figure({"data": traces, "layout": panels(parts if panel else [])})
    figure.update_xaxes(title_text=label(titles[0]), type="category", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_layout(
        yaxis_title_text=label(titles[1]), coloraxis=_colours(frame[value], centred)
    )
    height = (_HEAD if panel else _HEAD - ROOM) + _LINE * max(2, len(rows))
    return finish(figure, height, state, titled=bool(panel), legend=False)


def _map(
    part: "pd.DataFrame",
    of: tuple[str, str, str],
    columns: Sequence[str],
    rows: Sequence[str],
    digits: int,
) -> dict[str, Any]:
    x, y, value = of
    held = {(str(a), str(b)): v for a, b, v in zip(part[x], part[y], part[value], strict=True)}
    grid = [[_number(held.get((column, row))) for column in columns] for row in rows]
    few = len(columns) * len(rows) <= MOST_TEXTS
    return {
        "type": "heatmap",
        "x": [label(column, 40) for column in columns],
        "y": [label(row, 40) for row in rows],
        "z": grid,
        "coloraxis": "coloraxis",
        "texttemplate": f"%{{z:.{digits}f}}" if few else None,
        "hovertemplate": f"%{{y}}<br>%{{x}}<br>%{{z:.{digits}f}}<extra></extra>",
        "xgap": 2,
        "ygap": 2,
    }


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


def _colours(values: "pd.Series[float]", centred: bool) -> dict[str, Any]:
    bar = {"thickness": 10, "len": 0.9, "outlinewidth": 0}
    if not centred:
        return {"colorscale": SEQUENTIAL, "colorbar": bar}
    most = float(values.abs().max()) if len(values) else 1.0
    return {"colorscale": DIVERGING, "cmin": -most, "cmax": most, "colorbar": bar}
