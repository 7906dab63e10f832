"""What figures share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dashboards.text import label
from dashboards.theme import MUTED, template

if TYPE_CHECKING:
    import plotly.graph_objects as go


ROOM = 26
"""Pixels that the titles of panels take."""
_LEGEND = 34
_GAP = 0.06
"""Between two panels, as a part of the whole width."""


def with_alpha(colour: str, alpha: float) -> str:
    """A `#rrggbb` colour as `rgba(…)`."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def panels(titles: Sequence[str], *, shared_yaxes: bool = True) -> dict[str, Any]:
    """The layout of a row of panels with titles; one, without a title, where there are none.

    What `plotly.subplots.make_subplots` gives, in a tenth of the time.

    Args:
        titles: Plain text.
        shared_yaxes: One vertical scale for all, written beside the first.
    """
    number = max(1, len(titles))
    width = (1 - _GAP * (number - 1)) / number
    layout: dict[str, Any] = {"annotations": []}
    for place in range(number):
        x, y = panel_axes(place + 1).values()
        start = place * (width + _GAP)
        follows = {"matches": "y", "showticklabels": False} if shared_yaxes and place else {}
        layout[f"xaxis{x[1:]}"] = {"domain": [start, min(1.0, start + width)], "anchor": y}
        layout[f"yaxis{y[1:]}"] = {"anchor": x, **follows}
    for place, title in enumerate(titles):
        middle = place * (width + _GAP) + width / 2
        at = {"x": middle, "y": 1.0, "xanchor": "center", "yanchor": "bottom"}
        look = {"xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": 16}}
        layout["annotations"].append({"text": label(title), **at, **look})
    return layout


def panel_axes(column: int) -> dict[str, str]:
    """Which axes a trace in a panel of `panels` uses.

    Args:
        column: From 1.
    """
    number = str(column) if column > 1 else ""
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def finish(
    figure: "go.Figure",
    height: int,
    state: str,
    *,
    titled: bool = True,
    legend: bool = True,
    **layout: Any,
) -> "go.Figure":
    """Give a figure the common look.

    Args:
        figure: Changed, and returned.
        height: In pixels.
        state: As long as it stays the same, a reader's zoom does too.
        titled: Leave room above for the titles of panels.
        legend: Show which colour is whose, and leave room for it.
        layout: As for `update_layout`.
    """
    above = 10 + ROOM * titled + _LEGEND * legend
    figure.update_layout(
        template=template(),
        height=height,
        uirevision=state,
        showlegend=legend,
        margin_t=above,
        **layout,
    )
    return figure


def nothing(words: str, state: str = "") -> "go.Figure":
    """A figure that says why it is empty."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_annotation(
        text=label(words, 200), showarrow=False, font={"color": MUTED}, xref="paper", yref="paper"
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return finish(figure, 120, state, legend=False)
