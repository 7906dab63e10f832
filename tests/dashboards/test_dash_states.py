"""What has become of cells: cached, stopped early, not as asked for; and what they cost."""

import pandas as pd
import pytest
from ledgers import cell, finish, grid, key_of, publish, write_sweep
from test_dash_answers import asked, row

from dashboards.data import cost
from dashboards.data.scope import Scope
from dashboards.questions.mattered import judged_subject
from dashboards.selection import Selection
from w2s_platform.results.ledger import read_ledger
from w2s_platform.results.notes import ensemble_notes
from w2s_platform.store import Store
from w2s_platform.subject import after


def test_what_was_there_before_the_sweep_is_cached(empty: Store) -> None:
    cells = grid("study", 10)
    for each in cells[:3]:
        finish(empty, each)
    write_sweep(empty, "study", cells, finished=0)
    finish(empty, cells[3])
    found = asked(empty, "health")
    block, listed = found.block("states"), found.block("cells")
    assert block is not None
    assert listed is not None
    for what in ("cells", "stages"):
        row = block.frame.set_index("what").loc[what]
        assert (row["done"], row["cached"], row["waiting"]) == (1, 3, 6)
    assert list(listed.frame["state"]) == [*["cached"] * 3, "done", *["waiting"] * 6]


def test_cells_of_trials_that_were_stopped_are_left_out_with_the_reason(empty: Store) -> None:
    whole, stopped = (cell("study", {"rate": n}, 0) for n in (1, 2))
    key, measured = key_of("judged"), {"metric": "accuracy", "value": 0.5, "stderr": 0.1, "n": 9}
    publish(empty, key, "evaluate", {"measurements.json": [measured]})
    judged = stopped["measures"][0] | {"role": "validation", "subject": after(1), "key": key}
    ended = stopped | {"stages": [key], "measures": [judged], "models": {}, "stopped": True}
    empty.record_sweep("study", {"sweep": "study", "cells": [whole, ended]})
    finish(empty, whole)
    block = asked(empty, "worked").block("levels")
    assert block is not None
    assert "shows 1 seed, 1 of 2 cells; not shown: 1 stopped early" in block.notes
    listed = asked(empty, "health").block("cells")
    assert listed is not None
    assert list(listed.frame["state"]) == ["done", "stopped early"]


def test_a_search_of_which_little_finished_shows_what_its_trials_were_judged_by() -> None:
    scope = Scope((), Selection(), pd.DataFrame(
        [row(cell=f"c{n}", subject=s, role=r) for s, r, cells in (
            ("ensemble", "id", 2), ("floor", "validation", 9), (after(1), "validation", 9),
            (after(2), "validation", 5), (after(10), "validation", 5),
        ) for n in range(cells)]
    ))  # fmt: skip
    assert judged_subject(scope, "accuracy") == after(1)
    few = scope.rows[(scope.rows["subject"] != after(1)) & (scope.rows["subject"] != "floor")]
    assert judged_subject(Scope((), Selection(), few), "accuracy") == after(10)
    chosen = Scope((), Selection(subject="ensemble"), scope.rows)
    assert judged_subject(chosen, "accuracy") == "ensemble"


def test_pages_say_where_an_ensemble_is_not_what_was_asked_for(empty: Store) -> None:
    made = cell("study", {"count": 6}, 0)
    finish(empty, made)
    key = key_of("an ensemble")
    publish(empty, key, "ensemble", {"ensemble.json": {"note": "6 experts asked for, 5 accepted"}})
    made |= {"stages": [*made["stages"], key], "models": {"ensemble": key}}
    empty.record_sweep("study", {"sweep": "study", "cells": [made]})
    told = "6 experts asked for, 5 accepted (1 of 1 cells)"
    assert [told] == ensemble_notes(empty, read_ledger(empty, "study"))
    for question, name in (("worked", "levels"), ("health", "states")):
        block = asked(empty, question).block(name)
        assert block is not None
        assert told in block.notes


@pytest.mark.parametrize(
    ("hours", "unit"), [(30.0, "hours"), (0.5, "minutes"), (0.02, "seconds"), (0.0, "seconds")]
)
def test_costs_are_told_in_a_unit_that_suits_them(hours: float, unit: str) -> None:
    assert cost.unit_of(hours)[0] == unit
    spent = pd.DataFrame(
        [{"kind": "round", "stages": 1, "device_seconds": hours * 3600, "tokens": 0, "flops": 0.0,
          "failed_device_seconds": 0.0, "failed_attempts": 0}]
    )  # fmt: skip
    (read,) = cost.as_read(cost.by_kind(spent), unit)[f"device {unit}"]
    assert read == pytest.approx(hours * cost.unit_of(hours)[1])
