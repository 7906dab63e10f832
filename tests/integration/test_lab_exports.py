"""What a user takes away: models as Hugging Face directories, and reasons why keys differ."""

import json
from pathlib import Path

import pytest
from lab_user import Finished
from laboratory import SWEEP, Lab

import ensemble_core  # noqa: F401  (makes the ensemble known to transformers)
from ensemble_core.errors import InputError
from w2s_platform.cli.inputs import load_study
from w2s_platform.export import export
from w2s_platform.results.ledger import CellRecord, read_ledger, record
from w2s_platform.stages.run import run_stage
from w2s_platform.stages.runtime import Runtime
from w2s_platform.store import open_store


@pytest.fixture(scope="module")
def cells(finished: Finished) -> list[CellRecord]:
    return list(read_ledger(finished.user.opened(), "study").cells)


@pytest.mark.parametrize("subject", ["ensemble", "student", "expert_2", "bagging"])
def test_an_exported_model_loads_and_writes(
    finished: Finished, cells: list[CellRecord], tmp_path: Path, subject: str
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "model"
    answer = finished.user.here("export", cells[0].id[:8], out, "--subject", subject)
    assert answer.status == 0, answer.err
    model = AutoModelForCausalLM.from_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    prompts = tokenizer(["ab=", "cd="], return_tensors="pt")
    with torch.inference_mode():
        written = model.generate(**prompts, max_new_tokens=4, do_sample=False)
    assert written.shape[0] == 2
    assert 4 <= written.shape[1] <= 7
    origin = json.loads((out / "w2s.json").read_text())
    assert origin["cell"] == cells[0].id
    assert origin["subject"] == subject
    assert not [path for path in out.rglob("*") if path.suffix in (".bin", ".pkl", ".pt")]
    assert str(finished.user.store) not in (out / "config.json").read_text()


def test_what_an_export_writes_is_what_was_measured(
    finished: Finished, cells: list[CellRecord], tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from ensemble_core.evaluation import evaluate
    from w2s_platform.stages.context import read_questions

    out = tmp_path / "model"
    assert finished.user.here("export", cells[0].id, out).status == 0
    store = finished.user.opened()
    measure = next(m for m in cells[0].measures if (m.subject, m.role) == ("ensemble", "id"))
    inputs = store.require(measure.key).manifest.preimage["inputs"]
    again = evaluate(
        AutoModelForCausalLM.from_pretrained(out),
        AutoTokenizer.from_pretrained(out),
        read_questions(store.require(inputs["data"])),
        metrics=["accuracy", "nll"],
        max_new_tokens=8,
    )
    rows = {
        row["metric"]: row["value"]
        for row in finished.user.rows(finished.sweep)
        if (row["cell"], row["subject"], row["role"]) == (cells[0].id, "ensemble", "id")
    }
    assert again.value("accuracy") == rows["accuracy"]
    assert again.value("nll") == pytest.approx(rows["nll"], rel=1e-5)


def test_an_export_keeps_what_is_there(
    finished: Finished, cells: list[CellRecord], tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    answer = finished.user.here("export", cells[0].id, tmp_path)
    assert answer.status == 2
    assert "not empty" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_pretrained_model_is_exported_with_the_blocks_that_the_cell_uses(
    lab: Lab, tmp_path: Path
) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    sweep = lab.sweep(SWEEP.replace("rounds: 3", "layers: 1\n  rounds: 3"), "cut.yaml")
    graph, store = load_study(sweep, lab.data).graph, open_store(str(tmp_path / "store"))
    record(store, graph)
    [cell] = graph.cells
    measure = next(m for m in cell.measures if (m.subject, m.role) == ("weak_base", "validation"))
    needed = [key for key in cell.stages if graph.stages[key].kind in ("data", "pretrain")]
    for key in (*needed, measure.key):
        run_stage(
            graph.stages[key], store.url, Runtime(data_root=str(lab.data))
        ).raise_for_failure()
    export(store, cell.id, tmp_path / "weak", subject="weak_base")
    assert AutoConfig.from_pretrained(tmp_path / "weak").num_hidden_layers == 1
    assert len(AutoModelForCausalLM.from_pretrained(tmp_path / "weak").gpt_neox.layers) == 1
    with pytest.raises(InputError, match=r"`strong_base` of cell .* has not run"):
        export(store, cell.id, tmp_path / "strong", subject="strong_base")


def test_explain_names_what_sets_cells_apart(finished: Finished, cells: list[CellRecord]) -> None:
    mean, vote = (
        next(c for c in cells if c.seed == 0 and c.varied["experts.combine"] == rule)
        for rule in ("mean", "vote")
    )
    told = finished.user.here("explain", mean.id, vote.id, "--json").json
    assert [(d["stage"], d["field"], d["first"], d["second"]) for d in told] == [
        ("ensemble", "settings.combine", "mean", "vote")
    ]
    assert "settings.combine" in finished.user.here("explain", mean.id, vote.id).out
    assert "the same" in finished.user.here("explain", mean.id, mean.id).out


def test_explain_names_the_seed(finished: Finished, cells: list[CellRecord]) -> None:
    pair = [c for c in cells if c.varied["experts.combine"] == "mean"]
    told = finished.user.here("explain", pair[0].id, pair[1].id, "--json").json
    assert {d["field"] for d in told} == {"settings.seed"}
    keys = [c.models["expert_2"] for c in pair]
    told = finished.user.here("explain", keys[0][:12], keys[1][:12], "--json").json
    assert {d["field"] for d in told} == {"settings.seed"}
