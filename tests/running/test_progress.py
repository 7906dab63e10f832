"""What a run's progress looks like: from snapshots to lines and to a terminal's view."""

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from w2s_platform.running.estimate import Estimate, time_left
from w2s_platform.running.progress import LiveDisplay, PlainDisplay, choose_display, live_view
from w2s_platform.running.render import duration, overview, running_lines
from w2s_platform.running.snapshot import CellView, Event, Snapshot, StageView


def stage(
    name: str, status: Any, seconds: float = 0.0, kind: str = "round", **more: Any
) -> StageView:
    return StageView(f"{name:0<64}", kind, name, status, seconds, **more)


def snapshot(*stages: StageView, elapsed: float = 100.0, **more: Any) -> Snapshot:
    busy = sum(s.seconds for s in stages)
    return Snapshot("study", elapsed, (), stages, busy_seconds=busy, **more)


def test_time_left_counts_each_kind_at_its_own_pace() -> None:
    found = time_left(
        snapshot(
            stage("a", "done", 10.0),
            stage("b", "done", 30.0),
            stage("c", "to_run"),
            stage("d", "done", 60.0, kind="student"),
            stage("e", "to_run", kind="student"),
            stage("f", "cached"),
        )
    )
    assert found == Estimate(20.0 + 60.0, partial=False)


def test_time_left_shares_the_work_among_as_many_as_have_worked_at_once() -> None:
    done = [stage(f"a{n}", "done", 50.0) for n in range(4)]
    todo = [stage(f"b{n}", "to_run") for n in range(4)]
    found = time_left(snapshot(*done, *todo, elapsed=100.0))
    assert found == Estimate(4 * 50.0 / 2, partial=False)


@pytest.mark.parametrize(
    ("progress", "left"),
    [({}, 30.0), ({"step": 20, "steps": 40}, 10.0), ({"done": 1, "total": 11}, 100.0)],
)
def test_time_left_of_a_running_stage(progress: dict[str, Any], left: float) -> None:
    running = stage("b", "running", 10.0, progress=progress)
    found = time_left(snapshot(stage("a", "done", 40.0), running))
    assert found == Estimate(pytest.approx(left), partial=False)


def test_time_left_is_a_lower_bound_while_a_kind_is_unknown() -> None:
    stages = (stage("a", "done", 10.0), stage("b", "to_run"), stage("c", "to_run", kind="student"))
    assert time_left(snapshot(*stages)) == Estimate(10.0, partial=True)
    known = time_left(snapshot(*stages), expected={"student": 5.0, "round": 99.0})
    assert known == Estimate(15.0, partial=False)
    assert time_left(snapshot(stage("a", "to_run"))) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00 min"), (185, "3:05 min"), (7800, "2:10 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


CELLS = (
    CellView("a", 0, "done", 2, 2),
    CellView("b", 1, "running", 2, 1, round=1, rounds=4),
    CellView("c", 2, "failed", 2, 0, error="it diverged"),
)
BUSY = replace(
    snapshot(
        stage("data", "cached", kind="data"),
        stage("round 1", "done", 20.0),
        stage("round 2", "running", 5.0, progress={"step": 10, "steps": 40, "loss": 1.25}),
        stage("labels", "running", 9.0, kind="labels", note="another driver runs it"),
        stage("student", "to_run", kind="student"),
        elapsed=65.0,
    ),
    cells=CELLS,
)


def test_the_overview_counts() -> None:
    cells, stages, rounds, time = overview(BUSY)
    assert "3: 1 done, 1 running, 1 failed" in cells
    assert "5: 1 done, 1 cached, 2 running, 1 to run" in stages
    assert "2: 1 done, 1 running" in rounds
    assert time.split(maxsplit=1) == ["time", "1:05 min, at least 15 s left"]
    assert len(overview(snapshot(stage("data", "done", kind="data")))) == 2


def test_running_stages_are_listed_longest_first() -> None:
    labels, round_2 = running_lines(BUSY)
    assert labels == "labels [labels00]  another driver runs it  9 s"
    assert round_2 == "round 2 [round 20]  10/40  loss 1.250  5 s"
    many = snapshot(*(stage(f"r{n}", "running", n) for n in range(9)))
    assert running_lines(many)[-1] == "… and 3 more"


def test_the_live_view_shows_all_of_it() -> None:
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(live_view(BUSY))
    text = console.export_text()
    assert all(line in text for line in (*overview(BUSY), *running_lines(BUSY)))


def test_the_live_display_keeps_failures_on_the_screen() -> None:
    file = io.StringIO()
    display = LiveDisplay(Console(file=file, force_terminal=True, width=100))
    failed = stage("round 3", "failed", error="it diverged [step 3]")
    display.show(replace(BUSY, events=(Event(1, 1.0, "failed", failed),)))
    display.close()
    assert "failed: round 3 [round 30]: it diverged [step 3]" in file.getvalue()


class Plain:
    """A plain display with a clock of its own."""

    def __init__(self) -> None:
        self.now, self.lines, self.number = 0.0, list[str](), 0
        self.display = PlainDisplay(self.lines.append, clock=lambda: self.now)

    def show(self, *changed: tuple[Any, StageView], at: float) -> None:
        self.now = at
        events: list[Event] = []
        for change, view in changed:
            self.number += 1
            events.append(Event(self.number, at, change, view))
        self.display.show(replace(BUSY, events=tuple(events)))


def test_plain_lines_are_few_but_tell_every_failure() -> None:
    plain = Plain()
    done = [stage(f"r{n}", "done", 2.0) for n in range(4)]
    plain.show(("started", done[0]), ("done", done[0]), at=0.0)
    plain.show(("done", done[1]), at=0.3)
    plain.show(("done", done[2]), ("failed", stage("bad", "failed", error="no")), at=0.6)
    plain.show(at=0.9)
    plain.show(("done", done[3]), at=1.2)
    assert [line.partition(" (")[0] for line in plain.lines] == [
        "done: r0 [r0000000] in 2 s",
        "failed: bad [bad00000]: no",
        "done: r3 [r3000000] in 2 s, and 2 more",
    ]
    assert plain.lines[0].endswith("(2 of 5 stages, at least 15 s left)")


def test_plain_lines_say_now_and_then_where_the_run_stands() -> None:
    plain = Plain()
    for second in range(70):
        plain.show(at=float(second))
    assert len(plain.lines) == 3
    assert "labels [labels00]" in plain.lines[0]


def test_a_stream_that_is_no_terminal_gets_plain_lines() -> None:
    stream = io.StringIO()
    display = choose_display(stream)
    display.show(replace(BUSY, events=(Event(1, 1.0, "failed", stage("x", "failed", error="no")),)))
    display.close()
    assert stream.getvalue().startswith("failed: x [x0000000]: no\n")
    assert "\x1b" not in stream.getvalue()
