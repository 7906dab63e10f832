"""Points with intervals, one line per subject, ID and OOD side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from dashboards.data.scope import role_name
from dashboards.data.worked import GROUP
from dashboards.figures.common import panel_axes, panel_title, share
from dashboards.frames import records
from dashboards.text import label
from dashboards.theme import GRID, MUTED, OTHER, subject_colour, subject_symbol, template
from w2s_platform.cli.render.metrics import heading, scale_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MOST_GROUPS = 12
"""Groups that are drawn; the table has all."""
_LINE, _HEAD, _BETWEEN = 26, 84, 34
"""Pixels per subject, of what stands above and below all groups, and between two of them."""
_TOP, _LETTER = 36, 8
"""Pixels above all groups, and of a letter."""


def interval_figure(
    frame: "pd.DataFrame", metric: str, *, signed: bool = False, state: str = ""
) -> "go.Figure":
    """Draw means with their 95 % intervals.

    Args:
        frame: Columns `group, role, subject, mean, low, high, n, undefined`; the order of subjects
            is that of its rows. A mean that is not a number has no point, one seed no interval.
        metric: Decides unit and decimals.
        signed: Differences: draw where zero is, and points in the colour of what gains.
        state: As long as it stays the same, a reader's zoom does too.
    """
    import plotly.graph_objects as go

    groups, roles = drawn_groups(frame), list(dict.fromkeys(frame["role"]))
    subjects = list(dict.fromkeys(frame["subject"]))
    grid = _Grid(max(1, len(groups)), max(1, len(roles)), len(subjects))
    place = {subject: index for index, subject in enumerate(subjects)}
    traces: list[dict[str, Any]] = []
    for row, group in enumerate(groups):
        for column, role in enumerate(roles):
            part = frame[(frame[GROUP] == group) & (frame["role"] == role)]
            if len(part):
                traces.append(grid.axes(row, column) | _panel(part, place, metric, signed))
    names = [label(name.replace(" - ", " − ")) for name in subjects]
    layout = grid.layout(_titles(groups, roles), names, _axis(metric, signed))
    shown = {"height": grid.height, "showlegend": False, "uirevision": state}
    return go.Figure({"data": traces, "layout": layout | shown | {"template": template()}})


def drawn_groups(frame: "pd.DataFrame") -> list[str]:
    """The groups that a figure has room for."""
    return list(dict.fromkeys(frame[GROUP]))[:MOST_GROUPS]


def _titles(groups: Sequence[str], roles: Sequence[str]) -> list[str]:
    shown = {role: label(role_name(role)) for role in roles}
    return [
        " · ".join(part for part in (label(group), shown[role]) if part)
        if role == roles[0]
        else shown[role]
        for group in groups
        for role in roles
    ]


def _axis(metric: str, signed: bool) -> tuple[str, dict[str, Any]]:
    """The name of the horizontal axis, and how it is drawn."""
    scale = scale_of(metric)
    unit = scale.points if signed else scale.unit
    name = "PGR" if metric == "pgr" else heading(metric).partition(",")[0]
    title = f"{name}{f', {unit}' if unit else ''}"
    zero: dict[str, Any] = {"zeroline": True, "zerolinecolor": MUTED, "zerolinewidth": 1.5}
    return label(title), {"gridcolor": GRID, **(zero if signed else {})}


def _panel(
    part: "pd.DataFrame", place: Mapping[str, int], metric: str, signed: bool
) -> dict[str, Any]:
    """All points of a panel in one trace: a browser takes as long for one as for eight points.

    Lines are numbered: every panel has the same in the same order.
    """
    scale = scale_of(metric)
    rows = [(row, _scaled(row, scale.factor)) for row in records(part)]
    makers = [str(row["subject"]).partition(" - ")[0] for row, _ in rows]
    return {
        "type": "scatter",
        "x": [mean for _, (mean, _, _) in rows],
        "y": [place[row["subject"]] for row, _ in rows],
        "mode": "markers",
        "marker": {
            "color": [subject_colour(maker) for maker in makers],
            "symbol": [subject_symbol(maker) for maker in makers],
            "size": 11,
        },
        "error_x": {
            "type": "data",
            "array": [0.0 if isnan(high) else high - mean for _, (mean, _, high) in rows],
            "arrayminus": [0.0 if isnan(low) else mean - low for _, (mean, low, _) in rows],
            "color": OTHER,
            "thickness": 2,
            "width": 5,
        },
        "customdata": [
            [label(row["subject"]), _bounds(low, high, scale.digits), _seeds(row)]
            for row, (_, low, high) in rows
        ],
        "hovertemplate": f"%{{x:{'+' if signed else ''}.{scale.digits}f}} {scale.unit}<br>"
        "95 % interval %{customdata[1]}<br>%{customdata[2]}<extra>%{customdata[0]}</extra>",
    }


def _scaled(row: Mapping[str, Any], factor: float) -> tuple[float, float, float]:
    return row["mean"] * factor, row["low"] * factor, row["high"] * factor


def _bounds(low: float, high: float, digits: int) -> str:
    return "no interval" if isnan(low) else f"{low:.{digits}f} to {high:.{digits}f}"


def _seeds(row: Mapping[str, Any]) -> str:
    more = f", undefined in {row['undefined']}" if row["undefined"] else ""
    return f"{row['n']} seeds{more}"


@dataclass(frozen=True)
class _Grid:
    """Panels in rows and columns on one horizontal scale."""

    rows: int
    columns: int
    lines: int

    @property
    def height(self) -> int:
        """Of the whole figure, in pixels."""
        return _HEAD + self.rows * (_BETWEEN + _LINE * max(2, self.lines)) - _BETWEEN

    def axes(self, row: int, column: int) -> dict[str, str]:
        """Which axes a panel's traces use."""
        return panel_axes(row * self.columns + column + 1)

    def layout(
        self, titles: Sequence[str], names: Sequence[str], axis: tuple[str, dict[str, Any]]
    ) -> dict[str, Any]:
        """Axes and titles of all panels, the first row on top."""
        # Plotly would draw all axes, measure them, and draw them again.
        room = _LETTER * max(map(len, names), default=0)
        margin = {"l": room + 8, "r": 12, "t": _TOP, "b": _HEAD - _TOP}
        layout: dict[str, Any] = {"annotations": [], "margin": margin}
        for place in range(self.rows * self.columns):
            row, column = divmod(place, self.columns)
            across, up = share(column, self.columns, 0.04), self._row(row)
            x, y = self.axes(row, column).values()
            bottom = row == self.rows - 1
            layout[f"xaxis{x[1:]}"] = axis[1] | {
                "domain": across,
                "anchor": y,
                "matches": "x" if place else None,
                "showticklabels": bottom,
                "automargin": False,
                "title": {"text": axis[0] if bottom else ""},
            }
            layout[f"yaxis{y[1:]}"] = {
                "domain": up,
                "anchor": x,
                "range": [self.lines - 0.5, -0.5],
                "tickvals": list(range(len(names))),
                "ticktext": list(names),
                "showticklabels": column == 0,
                "automargin": False,
            }
            if titles:
                layout["annotations"].append(
                    panel_title(titles[place], across[0], up[1], "left", 14)
                )
        return layout

    def _row(self, row: int) -> list[float]:
        inside = self.height - _HEAD + 0.0
        return share(self.rows - 1 - row, self.rows, _BETWEEN / inside)
