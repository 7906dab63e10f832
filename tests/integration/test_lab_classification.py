"""Classification through the whole pipeline: heads, boosting, labels, students, export."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lab_user import User
from laboratory import Lab

from ensemble_core.errors import InputError
from w2s_platform.export import export
from w2s_platform.results.ledger import CellRecord, read_ledger
from w2s_platform.stages.subjects import load_subject

pytestmark = pytest.mark.slow

CARDS = {
    "starts": ("{question: question, choices: choices, answer_index: answer}", "{{ question }}="),
    "bare": ("{question: question, answer: text}", "{{ question }}="),
}
CARD = """
task: NAME
sources:
  - files: {train: starts-train.jsonl, test: starts-test.jsonl}
    fields: FIELDS
prompt: "PROMPT"
answer: "{{ answer }}"
"""
SWEEP = """
sweep: classes
tasks:
  labelled: {task: starts, size: 60}
  transfer: {task: starts, size: 40}
  validation: {task: starts, size: 60}
  id: [{task: starts, size: 20}]
  classify: choices
experts:
  model: {path: MODEL}
  rounds: 2
  training: {epochs: 12, batch_size: 8, learning_rate: 0.01}
student:
  model: {path: MODEL}
  training: {epochs: 16, batch_size: 8, learning_rate: 0.01}
evaluation: {metrics: [accuracy, nll, ece], each_expert: true, staged: true}
baselines: [floor, bagging, long, ceiling]
vary:
  - cases:
"""
CASES = {
    "choices": "{tasks.classify: choices}",
    "candidates": "{tasks.classify: candidates}",
    "soft": "{student.labels: soft}",
    "confidence": "{student.loss: confidence}",
    "adapters": "{experts.adapter: {rank: 4}, student.adapter: {rank: 4}}",
    "gate": "{experts.combine: gate}",
    "sizes": "{experts.mix: [{path: MODEL, layers: 1}], experts.adapter: {rank: 4}, "
    "student.later: [{model: {path: MODEL}}]}",
}


def write_lab(lab: Lab) -> None:
    """The class of a word is its first letter: a, b or c."""
    for name, (fields, prompt) in CARDS.items():
        text = CARD.replace("NAME", name).replace("FIELDS", fields).replace("PROMPT", prompt)
        (lab.tasks / f"{name}.yaml").write_text(text)
    letters = "abcdefgh"
    words = [first + a + b for a in letters for b in letters for first in "abc"]
    for split, chosen in (("train", words[:168]), ("test", words[168:])):
        rows = [
            {"question": w, "choices": list("abc"), "answer": "abc".index(w[0]), "text": w[0]}
            for w in chosen
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (lab.data / f"starts-{split}.jsonl").write_text(lines)


class Study:
    """The finished sweep: a cell by the name of its case."""

    def __init__(self, user: User, sweep: Path) -> None:
        self.store, self.rows = user.opened(), user.rows(sweep)
        cells = read_ledger(self.store, "classes").cells
        self.cells: dict[str, CellRecord] = dict(zip(CASES, cells, strict=True))

    def value(self, case: str, subject: str, metric: str, role: str = "id") -> float:
        cell = self.cells[case].id
        [found] = [
            row["value"]
            for row in self.rows
            if (row["cell"], row["subject"], row["metric"], row["role"])
            == (cell, subject, metric, role)
        ]
        return found


@pytest.fixture(scope="module")
def study(lab: Lab, ray_session: None) -> Study:
    write_lab(lab)
    text = SWEEP + "".join(f"      - {case}\n" for case in CASES.values())
    sweep, user = lab.sweep(text, "classes.yaml"), User(lab.root / "class-store", lab.data)
    answer = user.here("run", sweep)
    assert answer.status == 0, answer.err
    return Study(user, sweep)


@pytest.mark.parametrize("case", CASES)
def test_every_form_learns_its_classes(study: Study, case: str) -> None:
    guess = 1 / 2 if case == "candidates" else 1 / 3
    for subject in ("floor", "ensemble", "ceiling"):
        assert study.value(case, subject, "accuracy") > guess + 0.1, subject
    assert 0 <= study.value(case, "student", "accuracy") <= 1
    last = study.value(case, "ensemble_2", "nll")
    assert last == pytest.approx(study.value(case, "ensemble", "nll"), rel=1e-4)
    assert not any(row["subject"].endswith("_base") for row in study.rows)


def test_the_reference_of_boosting_is_the_guess(study: Study) -> None:
    for case, guess in (("choices", 2 / 3), ("candidates", 1 / 2)):
        ensemble = study.store.require(study.cells[case].models["ensemble"])
        history = json.loads(ensemble.path("history.json").read_text())
        assert history[0]["reference_error"] == pytest.approx(guess)


def test_classifiers_mix_sizes_and_have_generations(study: Study) -> None:
    models = study.cells["sizes"].models
    members = load_subject(study.store, models["ensemble"])[0].members
    assert [member.config.num_hidden_layers for member in members] == [2, 1]
    ensemble = study.store.require(models["ensemble"])
    history = json.loads(ensemble.path("history.json").read_text())
    assert [entry["reference_error"] for entry in history] == pytest.approx([2 / 3, 2 / 3])
    assert study.value("sizes", "ceiling_2", "accuracy") > 1 / 3 + 0.1
    assert 0 <= study.value("sizes", "student_2", "accuracy") <= 1


def test_candidates_are_balanced_pairs_of_the_questions(study: Study) -> None:
    found = [
        row["n"]
        for row in study.rows
        if (row["cell"], row["subject"], row["metric"], row["role"])
        == (study.cells["candidates"].id, "floor", "accuracy", "id")
    ]
    assert found == [40]  # two of each of 20 questions


@pytest.mark.parametrize("case", ["choices", "adapters"])
def test_an_exported_classifier_is_a_standard_one(study: Study, tmp_path: Path, case: str) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    out = tmp_path / "student"
    export(study.store, study.cells[case].id, out, subject="student")
    tokenizer = AutoTokenizer.from_pretrained(out)
    model: Any = AutoModelForSequenceClassification.from_pretrained(out).eval()
    words = ["agh", "bgh", "cgh", "ahh", "bhh", "chh"]
    with torch.inference_mode():
        given = tokenizer([f"{word}=" for word in words], return_tensors="pt")
        logits = model(input_ids=given["input_ids"]).logits
    assert logits.shape == (6, 3)


def test_an_ensemble_of_classifiers_is_not_written_as_one_model(
    study: Study, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="ensemble of classifiers"):
        export(study.store, study.cells["choices"].id, tmp_path / "ensemble")
    assert not (tmp_path / "ensemble").exists()


def test_a_task_without_choices_can_not_be_classified(lab: Lab, study: Study) -> None:
    text = SWEEP.replace("task: starts", "task: bare").replace("vary:\n  - cases:\n", "")
    user = User(lab.root / "class-store", lab.data)
    answer = user.here("validate", lab.sweep(text, "bare.yaml"))
    assert answer.status == 2
    assert "tasks.classify: `bare` has no choices to classify" in answer.err
