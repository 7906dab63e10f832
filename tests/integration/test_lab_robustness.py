"""Noise, robust boosting, errors elsewhere than on the training tokens, and the learned gate."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from lab_user import User
from laboratory import Lab

from w2s_platform.results.ledger import CellRecord, read_ledger

pytestmark = pytest.mark.slow

CARD = """
task: pick
sources:
  - files: {train: pick-train.jsonl, test: pick-test.jsonl}
    fields: {question: question, choices: choices, answer_index: answer}
prompt: "{{ question }}="
answer: "{{ answer }}"
"""
SWEEP = """
sweep: robust
tasks:
  labelled: {task: pick, size: 40}
  transfer: {task: pick, size: 24}
  validation: {task: pick, size: 60}
  id: [{task: pick, size: 24}]
experts:
  model: {path: MODEL}
  rounds: 3
  training: {epochs: 4, batch_size: 8, learning_rate: 0.01}
student:
  model: {path: MODEL}
  training: {epochs: 1, batch_size: 8, learning_rate: 0.01}
evaluation: {max_new_tokens: 8, metrics: [accuracy, nll], each_expert: true, staged: true}
baselines: [floor, long]
vary:
  - cases:
"""
CASES = {
    "plain": "{experts.combine: mean}",
    "gate": "{experts.combine: gate}",
    "heldout": "{experts.error: heldout}",
    "oob": "{experts.error: oob, experts.update: resample}",
    "capped": "{experts.weight_cap: 1.5}",
    "bounded": "{experts.update_bound: 0.1}",
    "alike": "{experts.same_seed: true, experts.update_bound: 1.0e-9}",
    "uniform": "{noise.rate: 0.5}",
    "adversarial": "{noise.rate: 0.5, noise.kind: adversarial}",
}


class Study:
    """The finished sweep: a cell by the name of its case."""

    def __init__(self, user: User, sweep: Path) -> None:
        self.store, self.rows = user.opened(), user.rows(sweep)
        cells = read_ledger(self.store, "robust").cells
        self.cells: dict[str, CellRecord] = dict(zip(CASES, cells, strict=True))

    def path(self, case: str, subject: str, name: str) -> Path:
        return self.store.require(self.cells[case].models[subject]).path(name)

    def read(self, case: str, subject: str, name: str) -> Any:
        return json.loads(self.path(case, subject, name).read_text())

    def tokens(self, case: str, number: int) -> dict[str, Any]:
        table = pq.read_table(self.path(case, f"expert_{number}", "tokens.parquet"))
        return {name: table[name].to_numpy() for name in table.column_names}

    def value(self, case: str, subject: str, metric: str, role: str = "id") -> float:
        cell = self.cells[case].id
        [found] = [
            row["value"]
            for row in self.rows
            if (row["cell"], row["subject"], row["metric"], row["role"])
            == (cell, subject, metric, role)
        ]
        return found

    def nll(self, case: str, subject: str) -> float:
        return self.value(case, subject, "nll")


@pytest.fixture(scope="module")
def study(lab: Lab, ray_session: None) -> Study:
    (lab.tasks / "pick.yaml").write_text(CARD)
    words = ["".join(letters) for letters in product("abcdefgh", repeat=3)]
    for split, chosen in (("train", words[::2]), ("test", words[1::2])):
        rows = [
            {"question": w, "choices": [w, w[1:] + w[0] + "a", "h" + w], "answer": 0}
            for w in chosen
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (lab.data / f"pick-{split}.jsonl").write_text(lines)
    text = SWEEP + "".join(f"      - {case}\n" for case in CASES.values())
    sweep, user = lab.sweep(text, "robust.yaml"), User(lab.root / "robust-store", lab.data)
    answer = user.here("run", sweep)
    assert answer.status == 0, answer.err
    return Study(user, sweep)


def test_a_gate_combines_the_same_experts_and_tells_its_cost(study: Study) -> None:
    told = study.read("gate", "ensemble", "gate.json")
    assert told["experts"] == 3
    assert told["nll_after"] <= told["nll_before"]
    assert told["tokens"] > 60
    assert study.cells["gate"].models["expert_3"] == study.cells["plain"].models["expert_3"]
    if told["steps"]:
        assert study.nll("gate", "ensemble") != study.nll("plain", "ensemble")


def test_held_out_tokens_judge_and_are_never_trained_on(study: Study) -> None:
    plain, held = study.tokens("plain", 1), study.tokens("heldout", 1)
    assert "judged" not in plain
    n = len(plain["wrong"])
    assert not held["judged"][:n].any()
    assert held["judged"][n:].all()
    assert (held["wrong"][:n] == plain["wrong"]).all(), "the same expert"
    assert study.nll("heldout", "floor") == study.nll("plain", "floor")
    [history] = [study.read("heldout", "ensemble", "history.json")]
    expected = held["wrong"][n:].mean()
    assert history[0]["error"] == pytest.approx(expected)
    assert history[0]["reference_error"] == pytest.approx(held["reference_wrong"][n:].mean())


def test_with_one_seed_experts_differ_by_their_token_weights_alone(study: Study) -> None:
    first, second = (study.nll("alike", f"expert_{n}") for n in (1, 2))
    assert second == pytest.approx(first, rel=1e-5), "weights that hardly move: the same expert"
    plain = study.nll("plain", "expert_2")
    assert abs(plain - first) > 100 * abs(second - first)


def test_out_of_bag_the_examples_left_out_judge_from_the_first_round_on(study: Study) -> None:
    for number in (1, 2):
        tokens = study.tokens("oob", number)
        examples = {int(e) for e in tokens["example"]}
        judged = {int(e) for e, j in zip(tokens["example"], tokens["judged"], strict=True) if j}
        assert 0.15 < len(judged) / len(examples) < 0.6, "about 37 % of an even draw"
    models = study.cells["oob"].models
    assert models["floor"] == study.cells["plain"].models["floor"]
    assert models["expert_1"] != models["floor"]


def test_robust_updates_keep_the_weights_together(study: Study) -> None:
    first = {case: study.tokens(case, 2)["log_weight"] for case in ("plain", "capped", "bounded")}
    spread = {case: logs.max() - logs.min() for case, logs in first.items()}
    assert spread["capped"] < spread["plain"]
    assert spread["bounded"] == pytest.approx(0.1)


@pytest.mark.parametrize("kind", ["uniform", "adversarial"])
def test_noise_corrupts_what_experts_learn_and_nothing_else(study: Study, kind: str) -> None:
    cell = study.cells[kind]
    noise = study.store.require(cell.models["floor"]).manifest.preimage["inputs"]["labelled"]
    artifact = study.store.require(noise)
    assert artifact.manifest.kind == "noise"
    assert len(json.loads(artifact.path("corrupted.json").read_text())) == 20
    assert study.nll(kind, "floor") > study.nll("plain", "floor")
    assert study.nll(kind, "weak_base") == study.nll("plain", "weak_base")


def test_one_expert_trained_as_long_as_all_takes_as_many_steps(study: Study) -> None:
    told = study.read("plain", "long", "round.json")
    each = study.read("plain", "floor", "round.json")["training"]["steps"]
    assert told["times"] == 3
    assert told["training"]["steps"] == 3 * each


@pytest.mark.parametrize("case", ["plain", "gate", "oob"])
def test_the_last_prefix_is_the_ensemble_and_the_first_its_first_expert(
    study: Study, case: str
) -> None:
    for metric in ("accuracy", "nll"):
        whole = study.value(case, "ensemble_3", metric)
        assert whole == pytest.approx(study.value(case, "ensemble", metric), rel=1e-5)
        alone = study.value(case, "ensemble_1", metric)
        assert alone == pytest.approx(study.value(case, "expert_1", metric), rel=1e-5)
    assert 0 <= study.value(case, "ensemble", "disagreement") <= 1
    assert study.value(case, "ensemble", "ambiguity") != 0


def test_the_count_is_chosen_on_validation_data_and_shown_beside_the_best(study: Study) -> None:
    by_count = [study.value("plain", f"ensemble_{t}", "accuracy", "validation") for t in (1, 2, 3)]
    count = by_count.index(max(by_count)) + 1
    for role in ("validation", "id"):
        chosen = study.value("plain", "ensemble_chosen", "accuracy", role)
        assert chosen == study.value("plain", f"ensemble_{count}", "accuracy", role)
        best = study.value("plain", "ensemble_best", "accuracy", role)
        assert best == max(study.value("plain", f"ensemble_{t}", "accuracy", role)
                           for t in (1, 2, 3))  # fmt: skip
