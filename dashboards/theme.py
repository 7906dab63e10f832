"""One look: a colour and a symbol per subject, two colour scales, one template for every figure."""

from functools import cache
from typing import TYPE_CHECKING, Any

from w2s_platform.subject import AFTER, BEST, CHOSEN, EXPERT, GENERATION, PREFIX

if TYPE_CHECKING:
    import plotly.graph_objects as go

INK, MUTED, GRID, PAPER = "#1b2130", "#5b6473", "#e2e6ec", "#ffffff"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
SUBJECT_COLOURS = {
    "weak_base": "#a08c6e",
    "floor": "#7d8590",
    "expert alone": "#4b8fb5",
    "long": "#8c6d31",
    "bagging": "#1b9e77",
    "ensemble": "#0072b2",
    "sequence": "#3f7f93",
    "strong_base": "#6e8ca0",
    "single": "#c98a00",
    "student": "#d55e00",
    "ceiling": "#a0559c",
}
"""Told apart by people with any colour vision, and readable on a light and on a dark ground."""
SUBJECT_SYMBOLS = {
    "weak_base": "circle-open",
    "floor": "circle",
    "expert alone": "circle-open-dot",
    "long": "hexagon",
    "bagging": "square",
    "ensemble": "diamond",
    "sequence": "diamond-tall",
    "strong_base": "square-open",
    "single": "triangle-up",
    "student": "star",
    "ceiling": "triangle-down",
}
EXPERT_COLOURS = ("#56a3c9", "#3f7f93", "#76b7a5", "#a3a346", "#b08d57", "#8f7fb8", "#c27ba0")
"""Single experts, by number; from the eighth on they come again."""
SEQUENTIAL = [[0.0, "#f0f4f8"], [0.35, "#9ecae1"], [0.7, "#3182bd"], [1.0, "#08306b"]]
"""From low to high; also in grey."""
LINES = [[0.0, "#b9c0ca"], [0.5, "#6aa5d0"], [1.0, "#0a66ad"]]
"""From low to high, for lines on a light or a dark ground."""
DIVERGING = [[0.0, "#b35806"], [0.5, "#f2f2f2"], [1.0, "#2166ac"]]
"""Below zero, zero, above zero."""
OTHER = "#7d8590"
AMOUNT, LOST = "#4a6078", "#b0362c"
"""What was spent; what was spent in vain."""
STATE_COLOURS = {
    "done": "#3f6b57",
    "cached": "#8fb3a3",
    "running": "#4f9ac4",
    "waiting": "#b4bbc6",
    "failed": LOST,
}
"""Where cells stand: none of the subjects' colours."""


def subject_colour(subject: str) -> str:
    """A subject's colour, the same in every figure; prefixes of the ensemble share its own, as
    later generations do their first one's."""
    if expert := EXPERT.fullmatch(subject):
        return EXPERT_COLOURS[(int(expert[1]) - 1) % len(EXPERT_COLOURS)]
    if _is_part(subject):
        return SUBJECT_COLOURS["ensemble"]
    if later := GENERATION.fullmatch(subject):
        return SUBJECT_COLOURS[later[1]]
    return SUBJECT_COLOURS.get(subject, OTHER)


def subject_symbol(subject: str) -> str:
    """A subject's symbol: what colour says, shape says too."""
    if EXPERT.fullmatch(subject):
        return "circle-open-dot"
    if _is_part(subject):
        return "diamond-open"
    if later := GENERATION.fullmatch(subject):
        return f"{SUBJECT_SYMBOLS[later[1]]}-open"
    return SUBJECT_SYMBOLS.get(subject, "cross")


def _is_part(subject: str) -> bool:
    """Whether this is the ensemble of some of the rounds."""
    return bool(PREFIX.fullmatch(subject) or AFTER.fullmatch(subject)) or subject in (CHOSEN, BEST)


@cache
def template() -> "go.layout.Template":
    """What every figure starts from. The ground is clear: the page's own shows through."""
    import plotly.graph_objects as go

    axis: dict[str, Any] = {
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": GRID,
        "automargin": True,
        "title": {"standoff": 8, "font": {"size": 12, "color": MUTED}},
    }
    layout: dict[str, Any] = {
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": list(SUBJECT_COLOURS.values()),
        "xaxis": axis,
        "yaxis": axis,
        "margin": {"l": 8, "r": 12, "t": 36, "b": 8},
        "hoverlabel": {"bgcolor": INK, "font": {"color": "#ffffff", "family": FONT}},
        # Above: below, the names of categories may need any room.
        "legend": {"orientation": "h", "yref": "container", "y": 1, "yanchor": "top", "x": 0},
        "dragmode": "zoom",
    }
    return go.layout.Template(layout=layout)
