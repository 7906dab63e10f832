"""What `plan` and `status` print."""

import pytest
from frames import cell, report, stage

from w2s_platform.cli.console import text_of
from w2s_platform.cli.render.standing import (
    cells_layout,
    cells_line,
    failure_lines,
    running_lines,
    stage_layout,
)
from w2s_platform.cli.render.text import show_duration

STAGES = [
    stage("data", 1, "cached", seconds=0.5),
    stage("round", 2, "cached", seconds=10.0),
    stage("round", 3, "to_run", seconds=10.0),
    stage("round", 4, "failed", seconds=10.0, error="the loss is not finite\nat step 3"),
    stage("student", 5, "to_run"),
    stage("evaluate", 6, "running", seconds=2.0),
]
REPORT = report(
    STAGES,
    cell(1, "failed", STAGES),
    cell(2, "to_run", STAGES[:3]),
    cell(3, "failed", STAGES[2:4]),
)


def test_stages_are_counted_by_kind_in_the_order_of_the_pipeline() -> None:
    layout = stage_layout(REPORT)
    assert layout.columns == ("stages", "to run", "running", "failed", "in store", "work left")
    assert [row.cells for row in layout.rows] == [
        ("data", "", "", "", "1", ""),
        ("round", "1", "", "1", "1", "20 s"),
        ("student", "1", "", "", "", "?"),
        ("evaluate", "", "1", "", "", "2 s"),
        ("all", "2", "1", "1", "2", "22 s + ?"),
    ]


def test_where_nothing_is_left_there_is_no_column_for_it() -> None:
    layout = stage_layout(report([stage("data", 1, "done", seconds=1.0)]))
    assert layout.columns == ("stages", "done")
    assert [row.cells for row in layout.rows] == [("data", "1"), ("all", "1")]


def test_cells_are_counted_in_words() -> None:
    assert cells_line(REPORT) == "3 cells: 1 to run, 2 failed"
    assert cells_line(report([], cell(1, "done", []))) == "1 cell: 1 done"


def test_a_failure_says_what_failed_for_how_many_cells_and_why_in_one_line() -> None:
    [line] = failure_lines(REPORT)
    assert line == "failed: round 4 [000000000000] (in 2 cells): the loss is not finite"


def test_many_failures_are_cut_and_counted() -> None:
    many = report([stage("round", n, "failed", error=f"no {n}") for n in range(25)])
    lines = failure_lines(many)
    assert len(lines) == 12
    assert lines[-2] == "… and 15 more"
    assert "--json" in lines[-1]


def test_stages_that_failed_alike_are_told_once_with_all_cells_that_wait() -> None:
    stages = [stage("round", n, "failed", error="x" if n < 3 else "y") for n in range(4)]
    cells = [cell(n, "failed", [stages[n], stages[3]]) for n in range(3)]
    assert failure_lines(report(stages, *cells))[:2] == [
        "failed: round 0 [000000000000] and 2 more alike (in 3 cells): x",
        "failed: round 3 [000000000000] (in 3 cells): y",
    ]


def test_running_stages_are_named() -> None:
    assert running_lines(REPORT) == ["running: evaluate 6 [000000000000]"]


def test_cells_are_listed_with_what_they_vary() -> None:
    cells = [
        cell(1, "done", [], **{"experts.count": 2, "experts.training.learning_rate": 0.0003}),
        cell(2, "to_run", [], **{"experts.count": None, "experts.training.learning_rate": 1e-05}),
    ]
    layout = cells_layout(cells)
    assert layout.columns == ("cell", "count", "learning_rate", "seed", "status")
    assert layout.rows[0].cells == ("000000000001", "2", "0.0003", "1", "done")
    assert layout.rows[1].cells == ("000000000002", "–", "1e-05", "2", "to run")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.3, "< 1 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (200_000, "2 d 08 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_fits_the_terminal(width: int) -> None:
    text = text_of([stage_layout(REPORT)], [cells_line(REPORT)], width=width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
