"""Easy to hard by a model's loss: labelled on the easy half of a split, tested on the hard one."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from lab_user import User, one_message
from laboratory import Lab
from transformers import AutoModelForCausalLM

from ensemble_core.encoding import Encoded, TokenDataset
from ensemble_core.settings import TrainingSettings
from ensemble_core.tasks.question import content_id
from ensemble_core.training import train
from w2s_platform.store import Artifact

CARD = """
task: rated
sources:
  - files: {train: rated-train.jsonl, test: rated-test.jsonl}
    fields: {question: question, answer: answer}
prompt: "{{ question }}="
answer: "{{ answer }}"
difficulty:
  model: {path: MODEL}
  folds: 3
  training: {epochs: 12, batch_size: 8, learning_rate: 0.01}
groups: {difficulty: {easy: 0%..50%, hard: 50%..100%}}
"""
SWEEP = """
sweep: by-loss
tasks:
  labelled: rated[difficulty=easy, size=24]
  transfer: rated[difficulty=hard]
  validation: copy[size=12]
  id: rated[difficulty=easy]
  ood: rated[difficulty=hard]
experts: {model: {path: MODEL}, rounds: 1, training: {epochs: 1, batch_size: 8}}
student: {model: {path: MODEL}, training: {epochs: 1, batch_size: 8}}
evaluation: {max_new_tokens: 4, metrics: [nll]}
baselines: [floor]
seeds: 2
"""
FOLDS, LETTERS = 3, "abcdefgh"
TRAINING = TrainingSettings(epochs=12, batch_size=8, learning_rate=0.01)


def write_rated(lab: Lab) -> None:
    """After `a` the answer is always `a`; after `b` nobody can know it."""
    (lab.tasks / "rated.yaml").write_text(CARD.replace("MODEL", str(lab.model)))
    words = [first + x + y for first in "ab" for x in LETTERS for y in LETTERS]
    for split, chosen in (("train", words[::2]), ("test", words[1::2])):
        rows = [{"question": word, "answer": answer(word)} for word in chosen]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (lab.data / f"rated-{split}.jsonl").write_text(text)


def answer(word: str) -> str:
    chance = hashlib.sha256(word.encode()).digest()[0] % len(LETTERS)
    return "a" if word[0] == "a" else LETTERS[chance]


@dataclass(frozen=True)
class Study:
    """The finished sweep, and what was planned before it ran."""

    user: User
    lab: Lab
    planned: list[dict[str, Any]]

    def artifacts(self, kind: str) -> list[Artifact]:
        store = self.user.opened()
        found = self.user.manifests().items()
        return [store.require(key) for key, manifest in found if manifest.kind == kind]

    def losses(self, split: str) -> dict[str, float]:
        """Question id → loss."""
        [made] = [
            artifact
            for artifact in self.artifacts("difficulty")
            if artifact.manifest.preimage["settings"]["split"] == split
        ]
        assert set(made.manifest.files) == {"difficulty.parquet"}, "the weights are thrown away"
        return {row["id"]: row["nll"] for row in rows_of(made, "difficulty.parquet")}

    def drawn(self, role: str) -> list[list[dict[str, Any]]]:
        """The questions of a role, for each seed."""
        made = [
            a for a in self.artifacts("data") if a.manifest.preimage["settings"]["role"] == role
        ]
        return [rows_of(artifact, "questions.parquet") for artifact in made]


def rows_of(artifact: Artifact, name: str) -> list[dict[str, Any]]:
    return pq.read_table(artifact.path(name)).to_pylist()


@pytest.fixture(scope="module")
def study(lab: Lab, ray_session: None) -> Study:
    write_rated(lab)
    user, sweep = User(lab.root / "difficulty-store", lab.data), lab.sweep(SWEEP, "by-loss.yaml")
    planned = user.here("plan", sweep, "--json").json["stages"]
    answer = user.here("run", sweep)
    assert answer.status == 0, answer.err
    return Study(user, lab, planned)


@pytest.mark.slow
def test_the_losses_of_a_split_are_computed_once(study: Study) -> None:
    assert Counter(stage["kind"] for stage in study.planned)["difficulty"] == 2
    assert len(study.artifacts("difficulty")) == 2, "one of train and one of test, for two seeds"
    more = study.lab.sweep(SWEEP.replace("seeds: 2", "seeds: 5"), "more-seeds.yaml")
    stages = study.user.here("plan", more, "--json").json["stages"]
    status = Counter((stage["kind"], stage["status"]) for stage in stages)
    assert status["difficulty", "cached"] == 2
    assert status["data", "to_run"] > 0
    shown = study.user.here("plan", more).out
    assert any("difficulty" in line and "2" in line for line in shown.splitlines())


@pytest.mark.slow
def test_easy_and_hard_questions_have_losses_apart(study: Study) -> None:
    assert len(study.drawn("labelled")) == len(study.drawn("id")) == 2
    for split, roles in (("train", ("labelled", "transfer")), ("test", ("id", "ood"))):
        losses = study.losses(split)
        assert len(losses) == 64
        for easy, hard in zip(*map(study.drawn, roles), strict=True):
            for row in (*easy, *hard):
                assert row["difficulty_number"] == losses[row["id"]]
            middle = sorted(losses.values())[32]
            assert max(row["difficulty_number"] for row in easy) < middle
            assert min(row["difficulty_number"] for row in hard) == middle
            assert len(hard) == 32


@pytest.mark.slow
def test_what_nobody_can_know_is_hard(study: Study) -> None:
    [easy, *_], [hard, *_] = study.drawn("id"), study.drawn("ood")
    assert sum(row["prompt"][0] == "a" for row in easy) > 0.9 * len(easy)
    assert sum(row["prompt"][0] == "b" for row in hard) > 0.9 * len(hard)


@pytest.mark.slow
def test_slices_that_select_otherwise_carry_no_loss(study: Study) -> None:
    for rows in study.drawn("validation"):
        assert {row["difficulty_number"] for row in rows} == {None}


def encoded(row: dict[str, str]) -> Encoded:
    """Pad, end of sequence, `=` and the letters, in this order."""
    tokens = ["<pad>", "<eos>", "=", *LETTERS]
    ids = tuple(tokens.index(letter) for letter in f"{row['question']}={row['answer']}")
    return Encoded((*ids, 1), prompt_length=4)


def fold(row: dict[str, str]) -> int:
    text = f"fold\x1f{content_id(row['question'])}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()) % FOLDS


@pytest.mark.slow
@pytest.mark.parametrize("number", range(FOLDS))
def test_a_folds_losses_by_hand(study: Study, number: int) -> None:
    """Train on the other folds, and read the model's log-probabilities token by token."""
    lines = (study.lab.data / "rated-train.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    model: Any = AutoModelForCausalLM.from_pretrained(study.lab.model, dtype="float32")
    others = TokenDataset([encoded(row) for row in rows if fold(row) != number])
    train(model, others, TRAINING, seed=0)
    losses = study.losses("train")
    mine = [row for row in rows if fold(row) == number]
    assert 10 < len(mine) < 32
    for row in mine:
        ids = encoded(row).input_ids
        with torch.no_grad():
            log_probs = model.eval()(torch.tensor([ids])).logits[0].log_softmax(-1)
        by_hand = -sum(float(log_probs[at - 1, ids[at]]) for at in (4, 5)) / 2
        assert losses[content_id(row["question"])] == pytest.approx(by_hand, rel=1e-3, abs=1e-4)


MISTAKES = [
    ("difficulty=easy, size=24", "difficulty=easy, size=33", "32 such questions; 33 are asked for"),
    ("difficulty=easy, size=24", "difficulty=0%..200%", "between 0% and 100%"),
    ("difficulty=easy, size=24", "difficulty=80%..20%", "the lower bound comes first"),
    ("difficulty=easy, size=24", "difficulty=esay", "did you mean `easy`?"),
    ("  ood: rated[difficulty=hard]", "  ood: rated[difficulty=hard, split=train]", "0 left"),
    ("folds: 3", "folds: 1", "difficulty.folds"),
    ("folds: 3", "folds: 65", "64 questions, fewer than the 65 folds"),
    ("path: MODEL}\n  folds", "path: nowhere}\n  folds", "nowhere"),
    ("easy: 0%..50%", "easy: 0..50%", "both bounds are percentages, or none"),
    ("easy: 0%..50%", "easy: Low", "just `Low`"),
    ("answer: answer}\n", "answer: answer, difficulty: level}\n", "the card's difficulty is"),
]


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES)
def test_mistakes_are_found_before_anything_runs(
    lab: Lab, user: User, old: str, new: str, words: str
) -> None:
    write_rated(lab)
    assert (old in SWEEP) != (old in CARD)
    card = lab.tasks / "rated.yaml"
    card.write_text(CARD.replace(old, new, 1).replace("MODEL", str(lab.model)))
    sweep = lab.sweep(SWEEP.replace(old, new, 1), "broken.yaml")
    try:
        for command in ("validate", "run"):
            answer = user.here(command, sweep)
            assert answer.status == 2, answer
            assert words in one_message(answer)
        assert not user.store.exists()
    finally:
        card.write_text(CARD.replace("MODEL", str(lab.model)))
