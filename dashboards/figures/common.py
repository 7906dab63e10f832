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
    layout: dict[str, Any] = {"annotations": []}
    for place in range(number):
        x, y = panel_axes(place + 1).values()
        follows = {"matches": "y", "showticklabels": False} if shared_yaxes and place else {}
        layout[f"xaxis{x[1:]}"] = {"domain": share(place, number, _GAP), "anchor": y}
        layout[f"yaxis{y[1:]}"] = {"anchor": x, **follows}
    for place, title in enumerate(titles):
        middle = sum(share(place, number, _GAP)) / 2
        layout["annotations"].append(panel_title(label(title), middle, 1.0, "center", 16))
    return layout


def share(place: int, number: int, between: float) -> list[float]:
    """Where a panel begins and ends along a side that several share.

    Args:
        place: Of the panel, from 0.
        number: Of panels.
        between: Two panels, as a part of the whole side.
    """
    size = (1 - between * (number - 1)) / number
    start = place * (size + between)
    return [start, min(1.0, start + size)]


def panel_title(text: str, x: float, y: float, anchor: str, size: int) -> dict[str, Any]:
    """A title that stands on a panel.

    Args:
        text: As `label` gives it.
        x: Where its `anchor` is, as a part of the whole width.
        y: Where the panel ends, as a part of the whole height.
        anchor: `left` or `center`.
        size: Of its letters, in pixels.
    """
    at = {"x": x, "y": y, "xanchor": anchor, "yanchor": "bottom"}
    look = {"xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": size}}
    return {"text": text, **at, **look}


def panel_axes(place: int) -> dict[str, str]:
    """Which axes a trace in a panel uses.

    Args:
        place: Of the panel, from 1.
    """
    number = str(place) if place > 1 else ""
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
