"""What a search found, as a table of its trials."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from w2s_platform.cli.render.layout import Layout, Row
from w2s_platform.cli.render.metrics import heading, show_interval
from w2s_platform.cli.render.results import short_keys
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    from w2s_platform.running.search import SearchReport
    from w2s_platform.sweepfile.search import Objective

_NAN = float("nan")


def trials_layout(report: "SearchReport", objective: "Objective") -> Layout:
    """One line per trial, in the order of making; the best is bold and named below."""
    keys = list(dict.fromkeys(key for trial in report.trials for key in trial.values))
    best = report.best
    rows = [
        Row(
            (
                str(trial.number),
                *(show_value(trial.values.get(key)) for key in keys),
                show_interval(_NAN if trial.objective is None else trial.objective,
                              _NAN, _NAN, objective.metric),
                str(trial.steps),
                trial.state,
            ),
            style="bold" if best is not None and trial.number == best.number else "",
        )
        for trial in report.trials
    ]  # fmt: skip
    what = f"{objective.subject} {heading(objective.metric)} on validation data"
    columns = ("trial", *short_keys(keys), objective.metric, "rounds", "state")
    notes = [f"best so far: trial {best.number}"] if best else []
    notes += _failures(report)
    return Layout(f"{report.study} · {what}", columns, tuple(rows), 1 + len(keys), tuple(notes))


def _failures(report: "SearchReport") -> Iterator[str]:
    """Say why trials failed: `trials 3, 7 failed: the objective is undefined`."""
    trials: dict[str, list[str]] = {}
    for trial in report.trials:
        if trial.state == "failed" and trial.error:
            trials.setdefault(trial.error.splitlines()[0], []).append(str(trial.number))
    for error, numbers in trials.items():
        yield f"trial{'s' if len(numbers) > 1 else ''} {', '.join(numbers)} failed: {error}"
