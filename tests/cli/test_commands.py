"""The commands as a user types them, over real files and a real store."""

import csv
import io
import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import fill

from ensemble_core.errors import StageError
from w2s_platform.cli.inputs import Study
from w2s_platform.cli.main import execute
from w2s_platform.store import Store

VALUES = {
    "floor": 0.4, "bagging": 0.42, "ensemble": 0.45, "single": 0.5, "student": 0.55,
    "ceiling": 0.9, "weak_base": 0.1, "strong_base": 0.2,
}  # fmt: skip


def accuracy(subject: str, seed: int, combiner: str) -> float:
    better = 0.1 if combiner == "vote" and subject in ("ensemble", "student") else 0.0
    return VALUES[subject] + 0.01 * seed + better


def run(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    """Run a command; what it printed on standard output."""
    got = execute(arguments)
    printed = capsys.readouterr()
    assert got == status, printed.err
    return printed.out if status == 0 else printed.err


def test_validate_counts_what_a_file_spans(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = run(capsys, "validate", "study.yaml")
    assert text.startswith("study.yaml: ok, 4 cells, ")
    assert "unpinned: some/weak-model@main" in text
    assert run(capsys, "validate", "--quiet", "study.yaml") == ""


def test_validate_reports_every_file_and_every_problem(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (folder / "study.yaml").read_text()
    (folder / "bad.yaml").write_text(text.replace("rounds: 2", "rouds: 2").replace("seeds: 2", ""))
    (folder / "worse.yaml").write_text(text.replace("id: [sums]", "id: [sumz]"))
    assert execute(["validate", "bad.yaml", "study.yaml", "worse.yaml"]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("study.yaml: ok")
    assert "bad.yaml:7:36: experts.rouds: unknown key" in printed.err
    assert "did you mean `rounds`?" in printed.err
    assert "worse.yaml:6:8: tasks.id" in printed.err
    assert "did you mean `sums`?" in printed.err


def test_validate_finds_a_missing_or_broken_data_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sums.jsonl").unlink()
    text = run(capsys, "validate", "study.yaml", status=2)
    assert text.startswith("error: ")
    assert "sums" in text


def test_plan_prints_one_object_and_writes_nothing(
    folder: Path, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = json.loads(run(capsys, "plan", "study.yaml", "--json"))
    assert set(plan) >= {"sweep", "cells", "stages"}
    assert [set(cell) >= {"cell", "seed", "status", "stages", "error"} for cell in plan["cells"]]
    keys = {stage["key"] for stage in plan["stages"]}
    assert keys == set(study.graph.stages)
    assert all(set(stage["needs"]) <= keys for stage in plan["stages"])
    rounds = [stage for stage in plan["stages"] if stage["kind"] == "round"]
    assert len(rounds) == 2 * 2, "two rounds for each seed, shared by both combiners"
    assert {stage["status"] for stage in plan["stages"]} == {"to_run"}
    assert not (folder / "store").exists()


def test_plan_and_status_tell_what_is_there(
    folder: Path, study: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, study, accuracy)
    text = run(capsys, "plan", "study.yaml", "--cells")
    assert "4 cells: 4 in store" in text
    assert study.graph.cells[0].id in text
    status = json.loads(run(capsys, "status", "study.yaml", "--json"))
    assert {stage["status"] for stage in status["stages"]} == {"done"}
    assert {stage["seconds"] for stage in status["stages"]} == {2.0}


def test_status_shows_a_failure_with_its_cause(
    folder: Path, study: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = next(stage for stage in study.graph.stages.values() if stage.kind == "round")
    lease = store.acquire(stage.key, stage.kind)
    assert lease is not None
    with lease:
        lease.fail(StageError("the loss is not finite"), deterministic=True)
    text = run(capsys, "status", "study.yaml")
    assert "failed: round 1" in text
    assert "(in 2 cells): the loss is not finite" in text
    assert "4 cells: 2 to run, 2 failed" in text
    status = json.loads(run(capsys, "status", "study.yaml", "--json"))
    failed = [cell for cell in status["cells"] if cell["status"] == "failed"]
    assert len(failed) == 2
    assert all("the loss is not finite" in cell["error"] for cell in failed)


def test_results_need_a_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "results", "study.yaml", status=2)
    assert text.startswith("error: ")
    assert "w2s run" in text


def test_the_table_shows_means_differences_and_pgr_by_group(
    folder: Path, study: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, study, accuracy)
    text = run(capsys, "results", "study.yaml")
    lines = [line.split() for line in text.splitlines()]
    half = 12.706 * 0.7071 / 2**0.5  # t of one degree of freedom; sd of (x, x + 1) points
    assert any(line[:1] == ["mean"] and "40.5" in line and f"±{half:.1f}" in line for line in lines)
    assert "+5.0 ±0.0" in text, "ensemble - floor under `mean`"
    assert "+15.0 ±0.0" in text, "ensemble - floor under `vote`"
    assert "30.0 ±0.0" in text, "PGR (0.55 - 0.4) / (0.9 - 0.4)"


def test_by_keeps_a_key_apart_and_its_end_is_enough(
    folder: Path, study: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, study, accuracy)
    rows = json.loads(run(capsys, "results", "study.yaml", "--by", "combine", "--format", "json"))
    found = {
        row["experts.combine"]: row["mean"]
        for row in rows
        if (row["subject"], row["role"], row["metric"]) == ("ensemble", "id", "accuracy")
    }
    assert found == pytest.approx({"mean": 0.455, "vote": 0.555})


@pytest.mark.parametrize("option", [["--by", "combin"], ["--metric", "acuracy"]])
def test_a_wrong_name_is_answered_with_a_near_one(
    folder: Path,
    study: Study,
    store: Store,
    option: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    fill(store, study, accuracy)
    text = run(capsys, "results", "study.yaml", *option, status=2)
    assert "did you mean" in text


def test_rows_have_the_promised_columns_in_every_format(
    folder: Path, study: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, study, accuracy)
    columns = ["sweep", "cell", "seed", "subject", "task", "role", "split", "metric", "value"] + [
        "stderr",
        "n",
        "experts.combine",
    ]
    rows = list(csv.reader(io.StringIO(run(capsys, "results", "study.yaml", "--format", "csv"))))
    assert rows[0] == columns
    objects = json.loads(run(capsys, "results", "study.yaml", "--format", "json"))
    assert list(objects[0]) == columns
    assert len(objects) == len(rows) - 1
    run(capsys, "results", "study.yaml", "--format", "parquet", "--out", "rows.parquet")
    frame = pd.read_parquet(folder / "rows.parquet")
    assert list(frame.columns) == columns
    assert len(frame) == len(objects)


def test_parquet_goes_to_a_pipe_but_not_to_a_terminal(
    folder: Path,
    study: Study,
    store: Store,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(store, study, accuracy)
    assert execute(["results", "study.yaml", "--format", "parquet"]) == 0
    assert capfdbinary.readouterr().out.startswith(b"PAR1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert execute(["results", "study.yaml", "--format", "parquet"]) == 2


def test_latex_and_tables_go_to_a_file(
    folder: Path, study: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, study, accuracy)
    assert run(capsys, "results", "study.yaml", "--format", "latex", "--out", "t.tex") == ""
    assert r"\toprule" in (folder / "t.tex").read_text()
    assert run(capsys, "results", "study.yaml", "--out", "t.txt") == ""
    assert "floor" in (folder / "t.txt").read_text()
    text = run(capsys, "results", "study.yaml", "--out", "no/such/t.txt", status=2)
    assert "no/such/t.txt: can't be written" in text


def test_half_a_sweep_says_how_much_there_is(
    folder: Path, study: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, study, accuracy)
    more = (folder / "study.yaml").read_text().replace("seeds: 2", "seeds: 3")
    (folder / "study.yaml").write_text(more)
    text = run(capsys, "status", "study.yaml")
    assert "6 cells: 2 to run, 4 done" in text


def test_explain_names_the_field_that_differs(
    folder: Path, study: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, study, accuracy)
    first, second = [cell.id for cell in study.graph.cells if cell.seed == 0]
    text = run(capsys, "explain", first, second)
    assert "settings.combine" in text
    assert "mean" in text
    assert "vote" in text
    [difference] = json.loads(run(capsys, "explain", first[:8], second[:8], "--json"))
    assert difference["field"] == "settings.combine"
    assert "are the same" in run(capsys, "explain", first, first)


def test_export_of_an_unknown_cell_lists_a_way_on(
    folder: Path, study: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, study, accuracy)
    assert "w2s status" in run(capsys, "export", "ffffffffffff", "out", status=2)
    text = run(capsys, "export", study.graph.cells[0].id, "out", "--subject", "teacher", status=2)
    assert "ensemble" in text
    assert not (folder / "out").exists()


def test_the_committed_schemas_are_what_schema_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sweeps = Path(__file__).resolve().parents[2] / "sweeps"
    assert run(capsys, "schema") == (sweeps / "sweep.schema.json").read_text()
    assert run(capsys, "schema", "task") == (sweeps / "tasks" / "task.schema.json").read_text()


def test_a_store_that_is_a_file_is_bad_input(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = run(capsys, "plan", "study.yaml", "--store", "study.yaml", status=2)
    assert "study.yaml" in text
    assert "--store" in text
