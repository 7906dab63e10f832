"""Words for a run's progress. Pure: a snapshot goes in, lines come out."""

from collections import Counter
from collections.abc import Mapping

from w2s_platform.running.estimate import time_left
from w2s_platform.running.snapshot import Event, Snapshot, StageView

ORDER = ("done", "cached", "running", "failed", "to_run")
SHOWN_STAGES = 6
"""Running stages that are listed; the others are counted."""


def duration(seconds: float) -> str:
    """Seconds as people read them: `8 s`, `3:05 min`, `2:10 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def counts(counted: "Counter[str]") -> str:
    """Counts by status, such as `3 done, 2 running, 7 to run`."""
    return ", ".join(f"{counted[s]} {s.replace('_', ' ')}" for s in ORDER if counted[s]) or "none"


def overview(snapshot: Snapshot, expected: Mapping[str, float] | None = None) -> list[str]:
    """Cells, stages, boosting rounds and time, one line each."""
    rounds = Counter(stage.status for stage in snapshot.stages if stage.kind == "round")
    counted = {"cells": snapshot.cell_counts, "stages": snapshot.stage_counts, "rounds": rounds}
    return [
        *(f"{name:7}{c.total():>5}: {counts(c)}" for name, c in counted.items() if c),
        f"{'time':7}      {duration(snapshot.elapsed)}{remaining(snapshot, expected)}",
    ]


def remaining(snapshot: Snapshot, expected: Mapping[str, float] | None = None) -> str:
    """The estimate of what is left, with a leading comma; empty where there is none."""
    estimate = time_left(snapshot, expected)
    if estimate is None:
        return ""
    return f", {'at least' if estimate.partial else 'about'} {duration(estimate.seconds)} left"


def running_lines(snapshot: Snapshot) -> list[str]:
    """One line per running stage, the longest-running first."""
    running = snapshot.running
    lines = [running_line(stage) for stage in running[:SHOWN_STAGES]]
    if len(running) > SHOWN_STAGES:
        lines.append(f"… and {len(running) - SHOWN_STAGES} more")
    return lines


def running_line(stage: StageView) -> str:
    """A running stage: its name, how far it is, how long it has run."""
    parts = [_name(stage), _steps(stage), stage.note, duration(stage.seconds)]
    return "  ".join(part for part in parts if part)


def event_line(event: Event) -> str:
    """One change of one stage."""
    stage = event.stage
    if event.change == "done":
        return f"done: {_name(stage)} in {duration(stage.seconds)}"
    if event.change == "failed":
        return f"failed: {_name(stage)}: {stage.error}"
    if event.change in ("retrying", "elsewhere"):
        return f"{_name(stage)}: {stage.note}"
    return f"{event.change}: {_name(stage)}"


def _name(stage: StageView) -> str:
    return f"{stage.label} [{stage.key[:8]}]"


def _steps(stage: StageView) -> str:
    report = stage.progress
    done, total = report.get("step", report.get("done")), report.get("steps", report.get("total"))
    if done is None or not total:
        return ""
    loss = f"  loss {report['loss']:.3f}" if isinstance(report.get("loss"), float) else ""
    return f"{done}/{total}{loss}"
