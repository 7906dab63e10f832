"""The rounds of boosting: error and weight."""

from typing import TYPE_CHECKING, Any

from dashboards.figures.common import finish, panel_axes, panels
from dashboards.theme import MUTED, SUBJECT_COLOURS

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def round_figure(frame: "pd.DataFrame", *, state: str = "") -> "go.Figure":
    """Draw each round's ε with that of the pretrained model, its α, and how even the weight was.

    Args:
        frame: What `results.rounds` returned for one cell.
        state: As long as it stays the same, a reader's zoom does too.
    """
    import plotly.graph_objects as go

    rounds, colour = frame["round"], SUBJECT_COLOURS["ensemble"]
    lines = (
        ("error", "ε of the expert", colour, "solid", 1),
        ("reference_error", "ε of the pretrained model", MUTED, "dot", 1),
        ("evenness", "evenness", SUBJECT_COLOURS["student"], "solid", 3),
    )
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "x": rounds,
            "y": frame[column],
            "name": name,
            "mode": "lines+markers",
            "line": {"color": line, "dash": dash},
            "hovertemplate": "round %{x}: %{y:.3f}",
            **panel_axes(place),
        }
        for column, name, line, dash, place in lines
    ]
    used = [value is True or value == True for value in frame["used"]]  # noqa: E712
    weight = {
        "type": "bar",
        "x": rounds,
        "y": frame["alpha"],
        "name": "α",
        "marker": {"color": [colour if each else MUTED for each in used]},
        "hovertemplate": "round %{x}: %{y:.2f}",
        "showlegend": False,
        **panel_axes(2),
    }
    layout = panels(["error ε", "weight α", "evenness of the weight"], shared_yaxes=False)
    figure = go.Figure({"data": [*traces, weight], "layout": layout})
    figure.update_xaxes(title_text="round", tickvals=sorted(set(rounds)))
    figure.update_yaxes(rangemode="tozero")
    return finish(figure, 320, state)
