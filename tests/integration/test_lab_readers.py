"""What dashboards read of a real store: reliability, outcomes, rounds, votes, costs."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from laboratory import SWEEP, Lab

from ensemble_core.errors import InputError
from ensemble_core.models.hub import HubError
from ensemble_core.rounds import finish_round, initial_state
from ensemble_core.settings import BoostSettings
from w2s_platform import results
from w2s_platform.cli.inputs import load_study
from w2s_platform.graph.model import Graph
from w2s_platform.results.ledger import CellRecord, read_ledger, record
from w2s_platform.stages.run import run_stage
from w2s_platform.stages.runtime import Runtime
from w2s_platform.store import Store, open_store

TEXT = (
    SWEEP.replace("sweep: tiny", "sweep: readers")
    .replace("epochs: 2, batch_size: 8, learning_rate: 0.003", "epochs: 6, batch_size: 8, "
             "learning_rate: 0.01")
    .replace("metrics: [accuracy, token_accuracy, nll]", "metrics: [accuracy, nll, ece]")
    + "vary:\n  - cases:\n    - {experts.combine: mean}\n    - {experts.adapter: {rank: 4}}\n"
)  # fmt: skip
PLAIN, ADAPTERS = 0, 1
CLASS_CARD = """
task: starts
sources:
  - files: {train: starts-train.jsonl, test: starts-test.jsonl}
    fields: {question: question, choices: choices, answer_index: answer}
prompt: "{{ question }}="
answer: "{{ answer }}"
"""
CLASS_TEXT = """
sweep: class-readers
tasks:
  labelled: {task: starts, size: 40}
  transfer: {task: starts, size: 20}
  validation: {task: starts, size: 20}
  id: [{task: starts, size: 20}]
  classify: candidates
experts:
  model: {path: MODEL}
  rounds: 2
  training: {epochs: 4, batch_size: 8, learning_rate: 0.01}
student:
  model: {path: MODEL}
  training: {epochs: 1, batch_size: 8, learning_rate: 0.01}
evaluation: {metrics: [accuracy, ece]}
baselines: [floor]
"""


class Studied:
    """A sweep whose stages were run one after another in this process."""

    def __init__(self, store: Store, graph: Graph) -> None:
        self.store, self.graph, self.name = store, graph, graph.sweep
        self.cells: tuple[CellRecord, ...] = read_ledger(store, graph.sweep).cells


def study(lab: Lab, text: str, name: str) -> Studied:
    torch.set_num_threads(1)
    graph = load_study(lab.sweep(text, f"{name}.yaml"), lab.data).graph
    store = open_store(str(lab.root / name))
    record(store, graph)
    for key in dict.fromkeys(key for cell in graph.cells for key in cell.stages):
        run_stage(graph.stages[key], store.url, Runtime(data_root=str(lab.data))
                  ).raise_for_failure()  # fmt: skip
    return Studied(store, graph)


@pytest.fixture(scope="module")
def written(lab: Lab) -> Studied:
    """Answers are written: whole experts in one cell, adapters in the other."""
    return study(lab, TEXT, "readers")


@pytest.fixture(scope="module")
def classified(lab: Lab) -> Studied:
    """The class of a candidate answer: whether it is the word's first letter."""
    (lab.tasks / "starts.yaml").write_text(CLASS_CARD)
    words = [first + a + b for a in "abcdefgh" for b in "abcdefgh" for first in "abc"]
    for split, chosen in (("train", words[:120]), ("test", words[120:])):
        rows = [
            {"question": w, "choices": list("abc"), "answer": "abc".index(w[0])} for w in chosen
        ]
        (lab.data / f"starts-{split}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return study(lab, CLASS_TEXT, "class-readers")


@pytest.fixture(scope="module")
def outcomes(written: Studied) -> pd.DataFrame:
    return results.questions(written.store, "readers")


SLICE = ["cell", "subject", "task", "role", "split"]


@pytest.mark.parametrize("which", ["written", "classified"])
def test_the_ece_of_the_rows_is_that_of_the_bins(
    which: str, request: pytest.FixtureRequest
) -> None:
    studied: Studied = request.getfixturevalue(which)
    rows, bins = (read(studied.store, studied.name) for read in (results.load, results.reliability))
    ece = rows[rows["metric"] == "ece"].set_index(SLICE)
    assert len(ece) > 0
    gaps = bins["n"] * (bins["accuracy"] - bins["confidence"]).abs()
    tokens = bins.groupby(SLICE)["n"].sum()
    of_bins = bins.assign(gap=gaps).groupby(SLICE)["gap"].sum() / tokens
    assert of_bins.to_dict() == pytest.approx(ece["value"].to_dict(), abs=1e-12)
    assert tokens.to_dict() == ece["n"].to_dict()
    assert list(bins.columns[:7]) == list(rows.columns[:7])
    assert set(bins.columns[14:]) == set(rows.columns[11:])


def test_bins_of_an_artifact_without_their_file_are_made_of_its_questions(
    written: Studied, tmp_path: Path
) -> None:
    copy = open_store(str(shutil.copytree(lab_folder(written.store), tmp_path / "copy")))
    key = next(m.key for m in written.cells[PLAIN].measures if m.role == "ood")
    old = copy.require(key)
    kept = {name: old.path(name).read_bytes() for name in old.manifest.files}
    assert kept.pop("reliability.parquet")
    publish_again(copy, key, kept)
    assert "reliability.parquet" not in copy.require(key).manifest.files
    before, after = (results.reliability(store, "readers") for store in (written.store, copy))
    pd.testing.assert_frame_equal(before, after)


def publish_again(store: Store, key: str, files: dict[str, bytes]) -> None:
    """Put other files in the place of an artifact's."""
    old = store.require(key).manifest
    (Path(lab_folder(store)) / "manifests" / key[:2] / f"{key}.json").unlink()
    lease = store.acquire(key, old.kind)
    assert lease is not None
    with lease:
        for name, content in files.items():
            (lease.workdir / name).write_bytes(content)
        lease.publish(preimage=old.preimage)


def lab_folder(store: Store) -> str:
    return store.url.removeprefix("file://")


def test_outcomes_average_to_the_rows(written: Studied, outcomes: pd.DataFrame) -> None:
    rows = results.load(written.store, "readers")
    rows = rows[(rows["metric"] == "accuracy") & (rows["role"] != "transfer")].set_index(SLICE)
    right = outcomes.assign(right=outcomes["right"].astype(float)).groupby(SLICE)["right"].mean()
    assert right.to_dict() == pytest.approx(rows["value"].to_dict())


def test_outcomes_tell_the_question_in_words(outcomes: pd.DataFrame) -> None:
    ood = outcomes[(outcomes["role"] == "ood") & (outcomes["subject"] == "ceiling")]
    assert (ood["prompt"] == ood["answer"] + "=").all(), "the task is to copy the word"
    assert ((ood["given"] == ood["answer"]) == ood["right"]).all()
    assert outcomes.groupby(["cell", "role", "subject"]).size().unique().tolist() == [16, 12]


def test_one_cell_and_some_subjects_can_be_asked_for(written: Studied) -> None:
    cell = written.cells[ADAPTERS].id
    found = results.questions(written.store, "readers", cell[:8], ["floor"], ["id"])
    assert (set(found["cell"]), set(found["subject"]), set(found["role"])) == (
        {cell}, {"floor"}, {"id"},
    )  # fmt: skip
    assert len(found) == 16
    with pytest.raises(InputError, match="no cell `zzz`"):
        results.questions(written.store, "readers", "zzz")


def test_questions_answered_differently_are_those_and_no_others(outcomes: pd.DataFrame) -> None:
    found = results.answered_differently(outcomes, "ceiling", "weak_base")
    given = {
        subject: part.set_index(["cell", "question"])["given"].to_dict()
        for subject, part in outcomes.groupby("subject")
    }
    expected = {
        key for key, answer in given["ceiling"].items() if answer != given["weak_base"][key]
    }
    assert set(zip(found["cell"], found["question"], strict=True)) == expected
    assert len(found) == len(expected) > 0
    assert (found["given_ceiling"] != found["given_weak_base"]).all()


def test_classified_candidates_have_their_own_text(classified: Studied) -> None:
    found = results.questions(classified.store, "class-readers", subjects=["floor"])
    assert set(found["answer"]) == set(found["given"]) | set(found["answer"]) == {"wrong", "right"}
    starts = found["prompt"].str[0] == found["prompt"].str[-1]
    assert (starts == (found["answer"] == "right")).all(), "the candidate follows the prompt"
    assert ((found["given"] == found["answer"]) == found["right"]).all()


def tokens_of(studied: Studied, cell: CellRecord, number: int) -> dict[str, Any]:
    ensemble = studied.store.require(cell.models["ensemble"])
    key = ensemble.manifest.preimage["inputs"][f"round_{number}"]
    table = pq.read_table(studied.store.require(key).path("tokens.parquet"))
    return {name: table[name].to_numpy() for name in table.column_names}


def test_rounds_tell_what_boosting_made_of_the_misses(written: Studied) -> None:
    cell = written.cells[PLAIN]
    told = results.rounds(written.store, "readers", cell.id).set_index("round")
    state = None
    for number in told.index:
        column = tokens_of(written, cell, number)
        state = state or initial_state(len(column["wrong"]))
        weights = np.exp(column["log_weight"])
        assert weights == pytest.approx(state.weights)
        outcome = finish_round(state, wrong=column["wrong"], example=column["example"],
                               reference_wrong=column.get("reference_wrong"),
                               settings=BoostSettings())  # fmt: skip
        state, row = outcome.state, told.loc[number]
        assert row["error"] == pytest.approx(weights[column["wrong"]].sum())
        assert row["alpha"] == pytest.approx(outcome.alpha)
        assert row["accepted"] == outcome.accepted
        assert row["evenness"] == pytest.approx(1 / (len(weights) * (weights**2).sum()))
        assert row["tokens"] == len(weights)
    ensemble = written.store.require(cell.models["ensemble"])
    members = json.loads(ensemble.path("ensemble.json").read_text())["members"]
    assert [n for n in told.index if told.loc[n, "used"]] == [m["round"] for m in members]
    assert told.loc[1, "evenness"] == pytest.approx(1)


def test_the_weight_by_position_is_all_of_it(written: Studied) -> None:
    found = results.weight_by_position(written.store, "readers")
    by_round = found.groupby(["cell", "round"])
    assert by_round["weight"].sum().tolist() == pytest.approx([1] * len(by_round))
    assert by_round["uniform"].sum().tolist() == pytest.approx([1] * len(by_round))
    first = found[found["round"] == 1]
    assert first["weight"].tolist() == pytest.approx(first["uniform"].tolist())
    cell = written.cells[PLAIN]
    second = found[(found["round"] == 2) & (found["cell"] == cell.id)].set_index("position")
    column = tokens_of(written, cell, 2)
    for place in (0, 1, 2):
        there = column["position"] == place
        expected = np.exp(column["log_weight"][there]).sum()
        assert second.loc[place, "weight"] == pytest.approx(expected)
        assert second.loc[place, "wrong"] == pytest.approx(column["wrong"][there].mean())


def test_the_heaviest_tokens_are_those_that_the_experts_before_missed(written: Studied) -> None:
    cell = written.cells[PLAIN]
    found = results.heaviest_tokens(written.store, "readers", cell.id, top=5)
    assert found.groupby("round").size().unique().tolist() == [5]
    second = found[found["round"] == 2]
    missed = tokens_of(written, cell, 1)["wrong"]
    heaviest = np.exp(tokens_of(written, cell, 2)["log_weight"]).max() * len(missed)
    assert second["weight"].tolist() == pytest.approx([heaviest] * 5)
    spelled = [
        answer[place] if place < len(answer) else "<eos>"
        for answer, place in zip(second["answer"], second["position"], strict=True)
    ]
    assert second["token"].tolist() == spelled


def test_rounds_of_an_unfinished_cell_are_told_as_far_as_they_are(
    written: Studied, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(lab_folder(written.store), tmp_path / "copy"))
    cell = written.cells[PLAIN]
    whole = results.rounds(written.store, "readers", cell.id)
    for key in cell.stages:
        if written.graph.stages[key].kind == "ensemble":
            (copy / "manifests" / key[:2] / f"{key}.json").unlink()
    told = results.rounds(str(copy), "readers", cell.id)
    assert told["alpha"].tolist() == whole["alpha"].tolist()
    assert told["used"].isna().all()


@pytest.mark.parametrize("case", [PLAIN, ADAPTERS])
def test_votes_of_a_question_agree_with_its_evaluation(
    written: Studied, outcomes: pd.DataFrame, case: int
) -> None:
    cell = written.cells[case].id
    row = outcomes[(outcomes["cell"] == cell) & (outcomes["subject"] == "ensemble")
                   & (outcomes["role"] == "id")].iloc[0]  # fmt: skip
    told = results.votes(written.store, cell[:8], row["question"])
    together = told[told["voter"] == "ensemble"]
    assert together["truth"].tolist() == [*row["answer"], "<eos>"]
    assert np.log(together["truth_probability"]).tolist() == pytest.approx(
        list(row["token_log_probs"]), abs=1e-4
    )
    assert together["right"].tolist() == list(row["token_correct"])
    assert together["probability"].tolist() == pytest.approx(
        list(row["token_confidences"]), abs=1e-4
    )
    used = results.rounds(written.store, "readers", cell)
    experts = [f"expert_{n}" for n in used.loc[used["used"].astype(bool), "round"]]
    assert told["voter"].unique().tolist() == [*experts, "ensemble"]


def test_the_floor_votes_alone_as_the_first_expert(
    written: Studied, outcomes: pd.DataFrame
) -> None:
    cell = written.cells[PLAIN].id
    question = outcomes.loc[outcomes["role"] == "ood", "question"].iloc[0]
    alone = results.votes(written.store, cell, question, "floor")
    assert alone["voter"].unique().tolist() == ["floor"]
    together = results.votes(written.store, cell, question)
    first = together[together["voter"] == "expert_1"]
    assert alone["token"].tolist() == first["token"].tolist()
    bags = results.votes(written.store, cell, question, "bagging")["voter"].unique().tolist()
    assert bags == ["bag_1", "bag_2", "bag_3", "bagging"]


def test_classifiers_vote_for_classes(classified: Studied) -> None:
    cell = classified.cells[0].id
    asked = results.questions(classified.store, "class-readers", cell, ["ensemble"], ["id"])
    row = asked.iloc[0]
    told = results.votes(classified.store, cell, row["question"])
    last = told.iloc[-1]
    assert (last["voter"], last["position"], last["truth"]) == ("ensemble", 0, row["answer"])
    assert last["token"] == row["given"]
    assert last["truth_probability"] == pytest.approx(np.exp(-row["nll"]), abs=1e-4)


def test_who_can_not_vote_is_told_why(written: Studied, outcomes: pd.DataFrame) -> None:
    cell, question = written.cells[PLAIN].id, outcomes["question"].iloc[0]
    with pytest.raises(InputError, match="was not asked a question `none`"):
        results.votes(written.store, cell, "none")
    with pytest.raises(InputError, match="`teacher` was not asked"):
        results.votes(written.store, cell, question, "teacher")
    with pytest.raises(InputError, match="million parameters together"):
        results.votes(written.store, cell, question, most_parameters=10_000)


def test_a_hub_model_that_is_not_here_casts_no_vote(
    written: Studied, outcomes: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    cell = written.cells[ADAPTERS]
    copy = open_store(str(shutil.copytree(lab_folder(written.store), tmp_path / "copy")))
    pinned = json.dumps({"hub": "nobody/nothing", "revision": "0" * 40})
    publish_again(copy, cell.models["weak_base"], {"model.json": pinned.encode()})
    mine = outcomes[(outcomes["cell"] == cell.id) & (outcomes["subject"] == "ensemble")]
    with pytest.raises(HubError, match="not in its local cache"):
        results.votes(copy, cell.id, mine["question"].iloc[0])


def test_costs_bill_shared_work_once(written: Studied) -> None:
    each = results.stage_costs(written.store, "readers")
    manifests = [written.store.manifest(key) for key in written.graph.stages]
    assert len(each) == len(manifests) == each["stages"].sum()
    by_kind = results.costs(written.store, "readers").set_index("kind")
    for name in ("wall_seconds", "device_seconds", "tokens", "flops"):
        whole = sum(getattr(manifest.cost, name) for manifest in manifests if manifest)
        assert by_kind[name].sum() == pytest.approx(whole)
    assert each.loc[each["kind"] == "pretrain", "cells"].tolist() == [2]
    assert by_kind.loc["round", "stages"] == 6
    assert list(by_kind.index)[:3] == ["data", "pretrain", "round"], "in the pipeline's order"


def test_costs_of_cells_sum_to_those_of_the_sweep(written: Studied) -> None:
    cells = results.cell_costs(written.store, "readers")
    whole = results.costs(written.store, "readers")["flops"].sum()
    assert cells["shared_flops"].sum() == pytest.approx(whole)
    assert cells["flops"].sum() > whole, "alone, each cell would have made the shared stages"
    assert list(cells["cell"]) == [cell.id for cell in written.cells]


def test_failed_attempts_cost_too(lab: Lab, tmp_path: Path) -> None:
    graph = load_study(lab.sweep(TEXT, "readers.yaml"), lab.data).graph
    store = open_store(str(tmp_path))
    record(store, graph)
    assert results.costs(store, "readers").empty
    key = graph.cells[0].stages[0]
    for _ in range(2):
        lease = store.acquire(key, "data")
        assert lease is not None
        with lease:
            lease.fail("no such file", deterministic=True)
        store.clear_failures(key)
    [row] = results.costs(store, "readers").to_dict("records")
    assert (row["kind"], row["stages"], row["failed_attempts"]) == ("data", 0, 2)
    assert row["failed_wall_seconds"] > 0
    assert row["wall_seconds"] == 0
