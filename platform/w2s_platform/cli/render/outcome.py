"""How a run ended, in a few lines."""

from pathlib import Path
from typing import TYPE_CHECKING

from w2s_platform.cli.render.standing import failed_stages
from w2s_platform.cli.render.text import count, show_duration

if TYPE_CHECKING:
    from w2s_platform.results.plan import PlanReport
    from w2s_platform.running.report import RunReport


def outcome_lines(report: "RunReport", *, file: Path, store: str) -> list[str]:
    """Say what was done, what failed, where it lies, and what to type next.

    Args:
        report: How the run ended.
        file: The sweep file.
        store: The store's URL.
    """
    lines = [_done(report), *failed_stages(report.stages)]
    notes = {stage.note for stage in report.stages if stage.note and stage.status == "to_run"}
    if report.unfinished_cells:
        number = len(report.unfinished_cells)
        because = f": {', '.join(sorted(notes))}" if notes else ""
        lines.append(f"{count(number, 'cell')} not finished{because}; run again to go on")
    if report.failed_cells:
        lines.append(f"after mending the cause: w2s run {file} --retry-failed")
    where, following = whereabouts(file, store)
    return [*lines, where, following] if len(report.failed_cells) < len(report.cells) else lines


def opening_line(report: "PlanReport") -> str:
    """Say what a run is about to do."""
    held = sum(stage.status == "cached" for stage in report.stages)
    cells, stages = count(len(report.cells), "cell"), count(len(report.stages) - held, "stage")
    return f"{report.sweep}: {cells}, {stages} to run, {held} in the store"


def whereabouts(file: Path, store: str) -> tuple[str, str]:
    """Say where results lie, and what to type next."""
    from w2s_platform.store.url import resolve_root

    place = store.removeprefix("file://")
    named = "" if resolve_root(None) == resolve_root(store) else f" --store {place}"
    return f"results: {place}", f"next: w2s results {file}{named}"


def expected_seconds(report: "PlanReport") -> dict[str, float]:
    """Kind → how long its stages take, as far as the store tells; for the estimate of a run."""
    return {
        stage.kind: stage.seconds
        for stage in report.stages
        if stage.status == "to_run" and stage.seconds is not None
    }


def _done(report: "RunReport") -> str:
    cells, ran = len(report.cells), len(report.executed)
    complete = cells - len(report.failed_cells) - len(report.unfinished_cells)
    if complete == cells and not ran:
        held = count(len(report.stages), "stage")
        return f"{report.sweep}: nothing to run, the store has all {held} of {count(cells, 'cell')}"
    cached = report.stage_counts["cached"]
    return (
        f"{report.sweep}: {complete} of {count(cells, 'cell')} complete, "
        f"{count(ran, 'stage')} run, {cached} from the store, {show_duration(report.seconds)}"
    )
