"""`results`, `explain` and `export` over a finished study in a real store."""

import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from study_helpers import run

from w2s_platform.cli.inputs import Study
from w2s_platform.cli.main import execute
from w2s_platform.results.ledger import record
from w2s_platform.store import Store

COLUMNS = (
    "sweep", "cell", "seed", "subject", "task", "role", "split", "metric", "value", "stderr", "n",
)  # fmt: skip


def test_results_need_a_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "results", "study.yaml", status=2)
    assert text.startswith("error: ")
    assert "w2s run" in text


def test_the_table_shows_means_differences_and_pgr_by_group(
    finished: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    text = run(capsys, "results", "study.yaml")
    lines = [line.split() for line in text.splitlines()]
    half = 12.706 * 0.7071 / 2**0.5  # t of one degree of freedom; sd of (x, x + 1) points
    assert any(line[:1] == ["mean"] and "40.5" in line and f"±{half:.1f}" in line for line in lines)
    assert "+5.0 ±0.0" in text, "ensemble - floor under `mean`"
    assert "+15.0 ±0.0" in text, "ensemble - floor under `vote`"
    assert "30.0 ±0.0" in text, "PGR (0.55 - 0.4) / (0.9 - 0.4)"


def test_by_keeps_a_key_apart_and_its_end_is_enough(
    finished: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = json.loads(run(capsys, "results", "study.yaml", "--by", "combine", "--format", "json"))
    found = {
        row["experts.combine"]: row["mean"]
        for row in rows
        if (row["subject"], row["role"], row["metric"]) == ("ensemble", "id", "accuracy")
    }
    assert found == pytest.approx({"mean": 0.455, "vote": 0.555})


def test_a_reference_shows_what_a_setting_changes_paired_by_seed(
    finished: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    text = run(capsys, "results", "study.yaml", "--reference", "combine=mean")
    [_, table] = text.split("minus that of combine = mean", 1)
    [line] = [line.split() for line in table.splitlines() if line.split()[:1] == ["vote"]]
    assert line[1:] == ["+10.0", "±0.0", "+10.0", "±0.0"], "ensemble and student"
    assert "the same in all: floor, bagging, single, ceiling" in table
    wrong = run(capsys, "results", "study.yaml", "--reference", "combine=meen", status=2)
    assert "did you mean `mean`" in wrong
    assert "KEY=VALUE" in run(capsys, "results", "study.yaml", "--reference", "vote", status=2)
    rows = run(capsys, "results", "study.yaml", "--reference", "combine=mean", "--format", "csv",
               status=2)  # fmt: skip
    assert "--reference goes with the formats table and latex" in rows


def test_subjects_are_chosen_by_name_or_pattern(
    finished: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    text = run(capsys, "results", "study.yaml", "--subject", "*_base", "--subject", "ceiling")
    [heads] = [line.split() for line in text.splitlines() if "ceiling" in line and "−" not in line]
    assert heads == ["combine", "weak_base", "strong_base", "ceiling"]
    wrong = run(capsys, "results", "study.yaml", "--subject", "flor", status=2)
    assert "did you mean `floor`" in wrong


def test_results_of_questions_that_have_changed_say_so(
    finished: Study, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "other data" not in run(capsys, "results", "study.yaml")
    questions = folder / "sums.jsonl"
    questions.write_text(questions.read_text() + json.dumps({"q": "1 + 60", "a": "61"}) + "\n")
    assert "4 of 4 cells were run with other data" in run(capsys, "results", "study.yaml")
    questions.unlink()
    assert "40.5" in run(capsys, "results", "study.yaml"), "results need no questions"


def test_means_over_fewer_slices_than_others_are_told(
    finished: Study, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "lack slices" not in run(capsys, "results", "study.yaml", "--by", "task")
    gone = next(
        measure.key
        for cell in finished.graph.cells
        for measure in cell.measures
        if (cell.seed, measure.subject, measure.role) == (1, "ensemble", "id")
    )
    next((folder / "store" / "manifests").glob(f"*/{gone}.json")).unlink()
    text = run(capsys, "results", "study.yaml", "--by", "task")
    assert "1 mean with seeds that lack slices which other seeds have" in text


@pytest.mark.parametrize("option", [["--by", "combin"], ["--metric", "acuracy"]])
def test_a_wrong_name_is_answered_with_a_near_one(
    finished: Study,
    option: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = run(capsys, "results", "study.yaml", *option, status=2)
    assert "did you mean" in text


def test_rows_have_the_promised_columns_in_every_format(
    finished: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = [*COLUMNS, "experts.combine"]
    rows = list(csv.reader(io.StringIO(run(capsys, "results", "study.yaml", "--format", "csv"))))
    assert rows[0] == columns
    objects = json.loads(run(capsys, "results", "study.yaml", "--format", "json"))
    assert list(objects[0]) == columns
    assert len(objects) == len(rows) - 1
    run(capsys, "results", "study.yaml", "--format", "parquet", "--out", "rows.parquet")
    frame = pd.read_parquet(Path.cwd() / "rows.parquet")
    assert list(frame.columns) == columns
    assert len(frame) == len(objects)


def test_parquet_goes_to_a_pipe_but_not_to_a_terminal(
    finished: Study,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert execute(["results", "study.yaml", "--format", "parquet"]) == 0
    assert capfdbinary.readouterr().out.startswith(b"PAR1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert execute(["results", "study.yaml", "--format", "parquet"]) == 2


def test_latex_and_tables_go_to_a_file(finished: Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "results", "study.yaml", "--format", "latex", "--out", "t.tex") == ""
    assert r"\toprule" in (Path.cwd() / "t.tex").read_text()
    assert run(capsys, "results", "study.yaml", "--out", "t.txt") == ""
    assert "floor" in (Path.cwd() / "t.txt").read_text()
    text = run(capsys, "results", "study.yaml", "--out", "no/such/t.txt", status=2)
    assert "no/such/t.txt: can't be written" in text


def test_explain_names_the_field_that_differs(
    finished: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = [cell.id for cell in finished.graph.cells if cell.seed == 0]
    text = run(capsys, "explain", first, second)
    assert "settings.combine" in text
    assert "mean" in text
    assert "vote" in text
    [difference] = json.loads(run(capsys, "explain", first[:8], second[:8], "--json"))
    assert difference["field"] == "settings.combine"
    assert "are the same" in run(capsys, "explain", first, first)


def test_export_of_an_unknown_cell_lists_a_way_on(
    finished: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "w2s status" in run(capsys, "export", "ffffffffffff", "out", status=2)
    text = run(
        capsys, "export", finished.graph.cells[0].id, "out", "--subject", "teacher", status=2
    )
    assert "ensemble" in text
    assert not (Path.cwd() / "out").exists()


def test_cells_that_lack_results_are_counted_with_the_reason(
    finished: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a search leaves them: one to come, and one of a trial that was stopped early."""
    first = finished.graph.cells[0]
    to_come = replace(first, id="to-come", measures=(replace(first.measures[0], key="0" * 64),))
    stopped = replace(first, id="stopped", measures=(), stopped=True)
    record(store, replace(finished.graph, cells=(*finished.graph.cells, to_come, stopped)))
    text = run(capsys, "results", "study.yaml")
    assert "so far 4 of 5 cells have results" in text
    assert "1 cell of trials that were stopped early: no test questions asked" in text
