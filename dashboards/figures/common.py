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


def with_alpha(colour: str, alpha: float) -> str:
    """A `#rrggbb` colour as `rgba(…)`."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def panels(titles: Sequence[str], **how: Any) -> "go.Figure":
    """A row of panels with titles; one, without a title, where there are none.

    Args:
        titles: Plain text.
        how: As for `plotly.subplots.make_subplots`.
    """
    from plotly.subplots import make_subplots

    shared: dict[str, Any] = {"horizontal_spacing": 0.06, "shared_yaxes": True}
    shown = [label(title) for title in titles]
    return make_subplots(cols=max(1, len(shown)), subplot_titles=shown or None, **(shared | how))


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
