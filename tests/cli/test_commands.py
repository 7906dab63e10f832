"""The commands as a user types them, over real files and a real store."""

import json
from pathlib import Path

import pytest
from study_helpers import run

from ensemble_core.errors import StageError
from w2s_platform.cli.inputs import Study
from w2s_platform.cli.main import execute
from w2s_platform.store import Store


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
    assert "bad.yaml:7:35: experts.rouds: unknown key" in printed.err
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


def test_validate_finds_too_few_questions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "study.yaml").read_text()
    (folder / "study.yaml").write_text(text.replace("sums[size=5]", "sums[size=45]"))
    text = run(capsys, "validate", "study.yaml", status=2)
    assert "study.yaml:5:15: tasks.validation" in text


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
    finished: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    text = run(capsys, "plan", "study.yaml", "--cells")
    assert "4 cells: 4 in store" in text
    assert finished.graph.cells[0].id in text
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


def test_half_a_sweep_says_how_much_there_is(
    finished: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    more = (Path.cwd() / "study.yaml").read_text().replace("seeds: 2", "seeds: 3")
    (Path.cwd() / "study.yaml").write_text(more)
    text = run(capsys, "status", "study.yaml")
    assert "6 cells: 2 to run, 4 done" in text


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
