"""Long answers through the whole platform: steps, places, a judge, and whole-answer ensembles."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from lab_user import User, one_message
from laboratory import SWEEP, Lab
from text_models import make_text_model, make_text_tokenizer, save

STUDENT = SWEEP[SWEEP.index("student:") : SWEEP.index("evaluation:")]
CARD = """
task: spell
sources:
  - files: {train: copy-train.jsonl, test: copy-test.jsonl}
    fields: {question: question, answer: answer}
prompt: "{{ question }}="
answer: "{{ answer[0] }}={{ answer[1] }}=a=b=c=d"
steps: {separator: "=", verify: exact}
"""
LONG = (
    SWEEP.replace(STUDENT, "")
    .replace("sweep: tiny", "sweep: long-form")
    .replace("{task: copy, ", "{task: spell, ")
    .replace("ood: [{task: long-copy, size: 16}]", "ood: []")
    .replace("epochs: 2,", "epochs: 12,")
    .replace(
        "evaluation: {max_new_tokens: 8, metrics: [accuracy, token_accuracy, nll]}",
        "baselines: [floor, sequence]\n"
        "evaluation: {max_new_tokens: 16, by_position: true, judge: {path: JUDGE}, metrics: "
        "[accuracy, nll, steps_correct, first_error, repetition, distinct_2, coherence]}",
    )
)
WRITTEN = {"accuracy", "steps_correct", "first_error", "repetition", "distinct_2", "coherence"}
TALES = """
sweep: tales
tasks:
  labelled: fairytale[size=6]
  transfer: fairytale[size=2]
  validation: fairytale[size=2]
  id: fairytale[size=4]
experts: {model: {path: WEAK}, rounds: 2, training: {epochs: 1, batch_size: 4}}
baselines: [floor, bagging, sequence]
evaluation:
  metrics: [token_accuracy, nll, repetition, distinct_2, coherence]
  by_position: true
  judge: {path: JUDGE}
  max_new_tokens: 40
"""


def spell(lab: Lab, text: str = LONG, name: str = "long-form.yaml") -> Path:
    """The sweep beside its card, judged by a second model."""
    (lab.tasks / "spell.yaml").write_text(CARD)
    judge = lab.root / "judge"
    if not judge.exists():
        from transformers import AutoModelForCausalLM

        shutil.copytree(lab.model, judge)
        model: Any = AutoModelForCausalLM.from_pretrained(judge)
        for parameter in model.parameters():
            parameter.data.mul_(1.5)
        model.save_pretrained(judge)
    return lab.sweep(text.replace("JUDGE", str(judge)), name)


@pytest.mark.slow
def test_every_subject_is_measured_by_what_it_has(lab: Lab, user: User, ray_session: None) -> None:
    sweep = spell(lab)
    answer = user.here("run", sweep)
    assert answer.status == 0, answer.err
    rows = [row for row in user.rows(sweep) if row["role"] == "id"]
    by_subject = {
        subject: {row["metric"]: row["value"] for row in rows if row["subject"] == subject}
        for subject in ("ensemble", "floor", "sequence", "weak_base")
    }
    placed = {f"{metric}@1-8" for metric in ("nll", "steps_correct")} | {"nll@9-16"}
    assert set(by_subject["ensemble"]) >= WRITTEN | {"nll"} | placed - {"steps_correct@1-8"}
    assert set(by_subject["sequence"]) <= WRITTEN | {"steps_correct@1-8", "steps_correct@9-16"}
    assert {"accuracy", "first_error", "coherence"} <= set(by_subject["sequence"])
    for values in by_subject.values():
        assert 0 <= values["accuracy"] <= 1
        assert values["first_error"] >= 1
        assert values["coherence"] > 0
    assert "ensemble - sequence" in user.here("results", sweep).out.replace("−", "-")


def test_what_is_measured_changes_the_keys_of_measuring_alone(lab: Lab, user: User) -> None:
    short = LONG.replace("by_position: true, ", "").replace(
        "accuracy, nll, steps_correct, first_error, repetition, distinct_2, coherence",
        "accuracy, nll",
    )
    kinds: list[dict[str, str]] = []
    for text, name in ((LONG, "long-form.yaml"), (short, "short-form.yaml")):
        plan = user.here("plan", spell(lab, text, name), "--json").json
        kinds.append({stage["key"]: stage["kind"] for stage in plan["stages"]})
    only_long, only_short = (
        {kinds[a][key] for key in kinds[a].keys() - kinds[b].keys()} for a, b in ((0, 1), (1, 0))
    )
    assert only_long == {"evaluate", "pretrain"}, "the judge is a model that the other lacks"
    assert only_short == {"evaluate"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (", judge: {path: JUDGE}", "", "`coherence` needs a judge, or a student to be it"),
        ("{path: JUDGE}", "{path: MODEL}", "is the experts' own pretrained model"),
        ("id: [{task: spell", "id: [{task: copy", "the answers of `copy` are no steps"),
        ("repetition", "repetitions", "did you mean `repetition`?"),
        (
            "[accuracy, nll, steps_correct, first_error, repetition, distinct_2, coherence]",
            "[nll]",
            "`sequence` writes answers, and no metric measures those",
        ),
    ],
)
def test_bad_input_is_one_message_before_any_training(
    lab: Lab, user: User, old: str, new: str, said: str
) -> None:
    assert old in LONG
    answer = user.here("validate", spell(lab, LONG.replace(old, new), "bad.yaml"))
    assert said in one_message(answer)
    assert "error: 1 problem" in answer.err


def test_steps_that_no_true_answer_has_are_noticed(lab: Lab, user: User) -> None:
    sweep = spell(lab)
    (lab.tasks / "spell.yaml").write_text(CARD.replace("exact", "arithmetic"))
    said = one_message(user.here("validate", sweep))
    assert "`arithmetic` finds no right step in the true answers of `spell`" in said


@pytest.mark.slow
def test_fairy_tales_are_continued_and_measured(tmp_path: Path, ray_session: None) -> None:
    root = Path(os.environ.get("W2S_DATA_DIR", "data"))
    if not (root / "fairytale").is_dir():
        pytest.skip("no fairy tales below the data root")
    tales = (root / "fairytale" / "test.jsonl").read_text().splitlines()
    texts = [section for tale in tales for section in json.loads(tale)["sections"]]
    tokenizer = make_text_tokenizer("gpt-neox", texts)
    text = TALES
    for seed, name in enumerate(("WEAK", "JUDGE")):
        model = make_text_model("gpt-neox", seed, max_position_embeddings=4096, hidden_size=16)
        text = text.replace(name, str(save(tmp_path / name, model, tokenizer)))
    sweep = tmp_path / "tales.yaml"
    sweep.write_text(text)
    user = User(tmp_path / "store", root)
    answer = user.here("run", sweep)
    assert answer.status == 0, answer.err
    rows = [row for row in user.rows(sweep) if row["role"] == "id"]
    written = {"repetition", "distinct_2", "coherence"}
    for subject in ("ensemble", "bagging", "floor", "sequence"):
        found = {row["metric"]: row["value"] for row in rows if row["subject"] == subject}
        assert written <= set(found)
        assert 0 <= found["repetition"] < 1
        assert (subject == "sequence") == ("nll@257-512" not in found)
