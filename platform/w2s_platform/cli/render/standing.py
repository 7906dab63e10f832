"""Where a sweep stands: stages by kind and status, what failed, what runs, what is left."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from w2s_platform.cli.render.layout import Layout, Row
from w2s_platform.cli.render.results import short_keys
from w2s_platform.cli.render.text import count, show_duration
from w2s_platform.results.values import show_value
from w2s_platform.stage import Kind

if TYPE_CHECKING:
    from w2s_platform.results.plan import CellReport, PlanReport, StageReport
    from w2s_platform.running.snapshot import StageView

    AnyStage = StageReport | StageView

_WORDS: Mapping[str, str] = {
    "to_run": "to run",
    "running": "running",
    "failed": "failed",
    "cached": "in store",
    "done": "done",
}
_UNFINISHED = ("to_run", "running", "failed")
_SHOWN = 10


def stage_layout(report: "PlanReport") -> Layout:
    """One line per kind of stage, one column per status that occurs, and the work left."""
    counts = report.counts()
    kinds: list[str] = [kind for kind in get_args(Kind) if kind in counts]
    total: Counter[str] = sum(counts.values(), Counter())
    used = [status for status in _WORDS if total[status]]
    rows = [Row((kind, *_numbers(counts[kind], used), _left(report, kind))) for kind in kinds]
    rows.append(Row(("all", *_numbers(total, used), _left(report, None)), 1, "bold"))
    columns = ("stages", *(_WORDS[status] for status in used), "work left")
    if not any(row.cells[-1] for row in rows):  # nothing is left
        rows = [replace(row, cells=row.cells[:-1]) for row in rows]
        columns = columns[:-1]
    return Layout(report.sweep, columns, tuple(rows))


def cells_line(report: "PlanReport") -> str:
    """Count the cells: `12 cells: 8 to run, 3 done, 1 failed`."""
    counts = Counter(cell.status for cell in report.cells)
    parts = [f"{counts[status]} {word}" for status, word in _WORDS.items() if counts[status]]
    return f"{count(len(report.cells), 'cell')}: {', '.join(parts) or 'none'}"


def failure_lines(report: "PlanReport") -> list[str]:
    """One line per cause of failure: a stage, how many failed alike and cells wait, and why."""
    waiting = {stage.key: set[str]() for stage in report.stages if stage.status == "failed"}
    for cell in report.cells:
        for key in waiting.keys() & cell.stages:
            waiting[key].add(cell.id)
    return failed_stages(report.stages, waiting)


def failed_stages(
    stages: "Iterable[AnyStage]", waiting: Mapping[str, Set[str]] | None = None
) -> list[str]:
    """One line per cause of failure.

    Args:
        stages: Of any status.
        waiting: Key of a stage → the cells that wait for it, where that is known.
    """
    alike: defaultdict[str, list[AnyStage]] = defaultdict(list)
    for stage in stages:
        if stage.status == "failed":
            alike[_first_line(stage.error)].append(stage)
    lines: list[str] = []
    for error, failed in [*alike.items()][:_SHOWN]:
        more = f" and {len(failed) - 1} more alike" if len(failed) > 1 else ""
        cells = {cell for stage in failed for cell in (waiting or {}).get(stage.key, ())}
        needed = f" (in {count(len(cells), 'cell')})" if cells else ""
        lines.append(f"failed: {_name(failed[0])}{more}{needed}: {error}")
    left = [stage for failed in [*alike.values()][_SHOWN:] for stage in failed]
    if left:
        lines.append(f"… and {len(left)} more")
    if left or any(len(failed) > 1 for failed in alike.values()):
        lines.append("w2s status FILE --json lists every failed stage")
    return lines


def running_lines(report: "PlanReport") -> list[str]:
    """One line per running stage."""
    running = [stage for stage in report.stages if stage.status == "running"]
    lines = [f"running: {_name(stage)}" for stage in running[:_SHOWN]]
    if len(running) > _SHOWN:
        lines.append(f"… and {len(running) - _SHOWN} more")
    return lines


def cells_layout(cells: "Sequence[CellReport]") -> Layout:
    """One line per cell: what it varies, its seed, and where it stands."""
    keys = list(dict.fromkeys(key for cell in cells for key in cell.varied))
    rows = [
        Row(
            (
                cell.id,
                *(show_value(cell.varied.get(key)) for key in keys),
                str(cell.seed),
                _WORDS[cell.status],
            )
        )
        for cell in cells
    ]
    columns = ("cell", *short_keys(keys), "seed", "status")
    return Layout("cells", columns, tuple(rows), labels=1 + len(keys))


def _numbers(counts: Mapping[str, int], used: Iterable[str]) -> list[str]:
    return [str(counts[status]) if counts[status] else "" for status in used]


def _left(report: "PlanReport", kind: str | None) -> str:
    """Work left in stages of a kind (or of any); `?` where some of it was never seen here."""
    left = [
        stage.seconds
        for stage in report.stages
        if stage.status in _UNFINISHED and kind in (None, stage.kind)
    ]
    known = [seconds for seconds in left if seconds is not None]
    if not left:
        return ""
    if not known:
        return "?"
    more = " + ?" if len(known) < len(left) else ""
    return f"{show_duration(sum(known))}{more}"


def _name(stage: "AnyStage") -> str:
    label = stage.label if stage.label.startswith(stage.kind) else f"{stage.kind} {stage.label}"
    return f"{label.strip()} [{stage.key[:12]}]"


def _first_line(text: Any) -> str:
    lines = str(text or "no message").strip().splitlines()
    return lines[0] if lines else "no message"
