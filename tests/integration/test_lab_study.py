"""A study through the real command and a Ray of its own: from nothing to rows, and again."""

import csv
import io
import math
import time
from itertools import product
from typing import Any

import pytest
from lab_user import Finished

from w2s_platform.results.rows import load

COLUMNS = ["sweep", "cell", "seed", "subject", "task", "role", "split", "metric", "value",
           "stderr", "n"]  # fmt: skip
SUBJECTS = {"weak_base", "expert_1", "expert_2", "expert_3", "floor", "bagging", "ensemble",
            "strong_base", "single", "student", "ceiling"}  # fmt: skip
SLICES = {("validation", "copy"), ("id", "copy"), ("ood", "long-copy")}
STATUSES = {"to_run", "running", "done", "failed", "cached"}
Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows(finished: Finished) -> list[Row]:
    return finished.user.rows(finished.sweep)


def test_a_study_runs_to_its_end_and_says_how_to_go_on(finished: Finished) -> None:
    assert finished.answer.status == 0, finished.answer.err
    assert "4 of 4 cells complete" in finished.answer.out
    assert f"w2s results {finished.sweep}" in finished.answer.out
    assert "Traceback" not in finished.answer.err
    assert len(finished.answer.err.splitlines()) < 60, "quiet: progress, and no library's log"


def test_rows_cover_every_subject_slice_and_metric(rows: list[Row]) -> None:
    assert list(rows[0]) == [*COLUMNS, "experts.combine"]
    measured = {(r["seed"], r["experts.combine"], r["subject"], r["role"], r["task"], r["metric"])
                for r in rows}  # fmt: skip
    metrics = ("accuracy", "token_accuracy", "nll", "ece")
    assert measured >= {
        (seed, combine, subject, role, task, metric)
        for seed, combine, subject, (role, task), metric in product(
            (0, 1), ("mean", "vote"), SUBJECTS, SLICES, metrics
        )
    }
    assert {r["subject"] for r in rows} == SUBJECTS
    assert len({r["cell"] for r in rows}) == 4
    assert {(r["role"], r["split"]) for r in rows} == {
        ("validation", "train"), ("id", "test"), ("ood", "test"), ("transfer", "train"),
    }  # fmt: skip


def test_pseudo_labels_are_measured_on_the_transfer_questions(rows: list[Row]) -> None:
    labels = [row for row in rows if row["role"] == "transfer"]
    assert {(row["subject"], row["metric"]) for row in labels} == {
        ("ensemble", "accuracy"), ("floor", "accuracy"),
        ("ensemble", "truncated"), ("floor", "truncated"),
    }  # fmt: skip
    assert all(row["n"] == 24 and 0 <= row["value"] <= 1 for row in labels)


def test_the_numbers_are_possible_and_the_experts_learned(rows: list[Row]) -> None:
    for row in rows:
        if row["metric"] in ("accuracy", "token_accuracy", "ece"):
            assert 0 <= row["value"] <= 1
        if row["metric"] in ("accuracy", "nll"):
            assert row["stderr"] >= 0
    nll = {(r["subject"], r["seed"]): r["value"] for r in rows
           if r["metric"] == "nll" and r["role"] == "validation"}  # fmt: skip
    for seed in (0, 1):
        assert nll["floor", seed] < nll["weak_base", seed]
        assert nll["expert_1", seed] == nll["floor", seed]
        assert nll["ceiling", seed] < nll["strong_base", seed]


def test_pgr_is_the_share_of_the_gap_that_the_student_closes(rows: list[Row]) -> None:
    value = {(r["cell"], r["role"], r["subject"]): r["value"] for r in rows
             if r["metric"] == "accuracy"}  # fmt: skip
    recovered = [row for row in rows if row["metric"] == "pgr"]
    assert {row["subject"] for row in recovered} == {"student", "single"}
    assert len(recovered) == 4 * 2 * len(SLICES)
    for row in recovered:
        floor, ceiling, mine = (
            value[row["cell"], row["role"], subject]
            for subject in ("floor", "ceiling", row["subject"])
        )
        if ceiling <= floor:
            assert row["value"] is None
        else:
            assert row["value"] == pytest.approx((mine - floor) / (ceiling - floor))


def test_csv_json_and_python_give_the_same_rows(finished: Finished, rows: list[Row]) -> None:
    answer = finished.user("results", finished.sweep, "--format", "csv")
    table = list(csv.DictReader(io.StringIO(answer.out)))
    frame = load(str(finished.user.store), "study")
    assert list(table[0]) == list(frame.columns) == list(rows[0])
    assert len(table) == len(frame) == len(rows)
    for line, row, record in zip(table, rows, frame.to_dict("records"), strict=True):
        for name in rows[0]:
            shown, value = row[name], record[name]
            assert shown == value or (shown is None and math.isnan(value))
            assert line[name] == ("" if shown is None else str(shown))


def test_the_table_has_every_subject_with_its_interval(finished: Finished) -> None:
    shown = finished.user("results", finished.sweep, "--by", "experts.combine").out
    for words in ("mean", "vote", "ID", "OOD", "floor", "bagging", "ensemble", "single", "student",
                  "ceiling", "PGR", "±", "n = 2"):  # fmt: skip
        assert words in shown


def test_a_second_run_trains_nothing_and_starts_no_ray(finished: Finished) -> None:
    before = finished.user.manifests()
    began = time.monotonic()
    again = finished.user("run", finished.sweep)
    took = time.monotonic() - began
    assert again.status == 0
    assert "nothing to run" in again.out
    assert "0 stages to run" in again.err
    assert len(again.err.splitlines()) == 1
    assert took < 8, f"{took:.1f} s: about what Ray alone takes to start"
    assert finished.user.manifests() == before


def test_plan_and_status_tell_a_finished_study(finished: Finished) -> None:
    for command, expected in (("plan", "cached"), ("status", "done")):
        told = finished.user.here(command, finished.sweep, "--json").json
        assert list(told) == ["sweep", "cells", "stages"]
        assert told["sweep"] == "study"
        keys = {stage["key"] for stage in told["stages"]}
        assert len(keys) == len(told["stages"])
        for cell in told["cells"]:
            assert {"cell", "seed", "status", "stages", "error"} <= set(cell)
            assert cell["status"] == expected
            assert cell["error"] is None
            assert keys.issuperset(cell["stages"])
        for stage in told["stages"]:
            assert {"key", "kind", "status", "needs", "seconds", "attempts"} <= set(stage)
            assert stage["status"] == expected
            assert stage["status"] in STATUSES
            assert keys.issuperset(stage["needs"])
            assert stage["seconds"] >= 0
            assert stage["attempts"] == 1


def test_every_stage_ran_once(finished: Finished) -> None:
    store = finished.user.opened()
    for key, manifest in finished.user.manifests().items():
        assert manifest.token == 1
        assert store.past_attempts(key) == store.failures(key) == []
        assert manifest.preimage["kind"] == manifest.kind
        assert manifest.cost.wall_seconds > 0
    trained = [m for m in finished.user.manifests().values() if m.kind == "round"]
    assert all(m.cost.tokens > 0 and m.cost.flops > 0 for m in trained)
    assert all(m.cost.peak_memory_bytes > 0 for m in trained)
    assert all(m.provenance.versions["torch"] for m in trained)


def test_no_path_and_no_worker_count_is_part_of_a_key(finished: Finished) -> None:
    for manifest in finished.user.manifests().values():
        text = repr(manifest.preimage)
        assert str(finished.sweep.parent) not in text
        assert "workers" not in text
