"""The last words of a run: what was done, what failed, what to type next."""

from pathlib import Path
from typing import Any

from frames import report, stage

from w2s_platform.cli.render.outcome import expected_seconds, opening_line, outcome_lines
from w2s_platform.running.report import RunReport
from w2s_platform.running.snapshot import CellView, StageView

FILE = Path("study.yaml")


def view(number: int, status: Any, **more: Any) -> StageView:
    return StageView(f"{number:064x}", "round", f"round {number}", status, **more)


def cell(number: int, status: Any) -> CellView:
    return CellView(f"{number:012x}", number, status, stages=2, finished=2)


def lines(cells: list[CellView], stages: list[StageView]) -> list[str]:
    ended = RunReport("study", tuple(cells), tuple(stages), seconds=75.2)
    return outcome_lines(ended, file=FILE, store="/data/w2s")


def test_a_run_begins_by_saying_what_it_will_do() -> None:
    stages = [stage("data", 1, "cached"), stage("round", 2, "to_run"), stage("round", 3, "failed")]
    assert opening_line(report(stages)) == "study: 0 cells, 2 stages to run, 1 in the store"


def test_a_full_run_counts_what_it_did_and_says_what_to_type_next() -> None:
    assert lines([cell(1, "done"), cell(2, "done")], [view(1, "done"), view(2, "cached")]) == [
        "study: 2 of 2 cells complete, 1 stage run, 1 from the store, 1 min 15 s",
        "results: /data/w2s",
        "next: w2s results study.yaml --store /data/w2s",
    ]


def test_what_to_type_next_names_no_store_that_is_found_without(monkeypatch: Any) -> None:
    monkeypatch.setenv("W2S_STORE", "/data/w2s")
    assert lines([cell(1, "done")], [view(1, "done")])[-1] == "next: w2s results study.yaml"


def test_a_repeated_run_says_that_it_trained_nothing() -> None:
    [first, *_] = lines([cell(1, "cached")], [view(1, "cached"), view(2, "cached")])
    assert first == "study: nothing to run, the store has all 2 stages of 1 cell"


def test_a_failure_is_told_with_its_cause_and_how_to_go_on() -> None:
    failed = view(3, "failed", error="the loss is not finite\nmore")
    text = lines([cell(1, "failed"), cell(2, "done")], [view(1, "done"), failed])
    assert text[0].startswith("study: 1 of 2 cells complete")
    assert text[1] == "failed: round 3 [000000000000]: the loss is not finite"
    assert "w2s run study.yaml --retry-failed" in text[2]


def test_where_nothing_came_out_no_results_are_promised() -> None:
    text = lines([cell(1, "failed")], [view(1, "failed", error="x")])
    assert not any(line.startswith("next:") for line in text)


def test_a_budget_that_ran_out_is_named() -> None:
    waiting = view(2, "to_run", note="the time budget of 60 s is used up")
    text = lines([cell(1, "done"), cell(2, "to_run")], [view(1, "done"), waiting])
    assert text[1] == (
        "1 cell not finished: the time budget of 60 s is used up; run again to go on"
    )


def test_the_estimate_uses_kinds_that_the_store_has_seen() -> None:
    stages = [
        stage("data", 1, "cached", seconds=3.0),
        stage("round", 2, "to_run", seconds=5.0),
        stage("student", 3, "to_run"),
    ]
    assert expected_seconds(report(stages)) == {"round": 5.0}
