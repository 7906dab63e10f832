"""Every choice that a sweep file offers, run for real: adapters, labels, units, combiners, ends."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from lab_user import User
from laboratory import SWEEP, Lab

from w2s_platform.results.ledger import CellRecord, read_ledger
from w2s_platform.store import Artifact

pytestmark = pytest.mark.slow

BASE = (
    SWEEP.replace("sweep: tiny", "sweep: methods")
    .replace(
        "epochs: 2, batch_size: 8, learning_rate: 0.003",
        "epochs: 6, batch_size: 8, learning_rate: 0.01",
    )
    .replace(
        "metrics: [accuracy, token_accuracy, nll]", "metrics: [accuracy, nll], each_expert: true"
    )
)
CASES: dict[str, str] = {
    "mean": "{experts.combine: mean}",
    "product": "{experts.combine: product}",
    "uniform": "{experts.combine: uniform}",
    "vote": "{experts.combine: vote}",
    "resample": "{experts.update: resample}",
    "window": "{experts.unit: window, experts.window: 2}",
    "sample": "{experts.unit: sample}",
    "one round": "{experts.rounds: 1}",
    "two rounds": "{experts.rounds: 2}",
    "two of three": "{experts.count: 2}",
    "one block": "{experts.layers: 1}",
    "adapters": "{experts.adapter: lora, student.adapter: {rank: 2}}",
    "soft": "{student.labels: soft}",
    "frozen": "{experts.training.learning_rate: 1.0e-12, experts.rounds: 5}",
}
VARY = "baselines: [floor, single]\nvary:\n  - cases:\n" + "".join(
    f"      - {case}\n" for case in CASES.values()
)


@dataclass(frozen=True)
class Methods:
    """The finished sweep: a cell by the name of its case."""

    user: User
    sweep: Path

    @cached_property
    def cells(self) -> dict[str, CellRecord]:
        recorded = read_ledger(self.user.opened(), "methods").cells
        return dict(zip(CASES, recorded, strict=True))

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        return self.user.rows(self.sweep)

    def artifact(self, case: str, subject: str) -> Artifact:
        return self.user.opened().require(self.cells[case].models[subject])

    def read(self, case: str, subject: str, name: str) -> Any:
        return json.loads(self.artifact(case, subject).path(name).read_text())

    def values(self, case: str, subject: str, metric: str = "nll") -> dict[str, float]:
        """Role → value."""
        cell = self.cells[case].id
        return {
            row["role"]: row["value"]
            for row in self.rows
            if (row["cell"], row["subject"], row["metric"]) == (cell, subject, metric)
            and row["role"] != "transfer"
        }


@pytest.fixture(scope="module")
def methods(lab: Lab, ray_session: None) -> Methods:
    user = User(lab.root / "methods-store", lab.data)
    sweep = lab.sweep(BASE + VARY, "methods.yaml")
    answer = user.here("run", sweep)
    assert answer.status == 0, answer.err
    return Methods(user, sweep)


@pytest.mark.parametrize("rule", ["mean", "product", "uniform", "vote"])
def test_combiners_use_the_same_experts(methods: Methods, rule: str) -> None:
    described = methods.read(rule, "ensemble", "ensemble.json")
    assert described["combine"] == rule
    assert described["members"] == methods.read("mean", "ensemble", "ensemble.json")["members"]
    assert methods.cells[rule].stages[:3] == methods.cells["mean"].stages[:3]


def test_combiners_differ_in_what_they_predict(methods: Methods) -> None:
    found = [methods.values(rule, "ensemble")["id"] for rule in ("mean", "product", "vote")]
    assert len(set(found)) == 3


@pytest.mark.parametrize("case", ["resample", "window", "sample"])
def test_ways_of_boosting_share_the_first_round_and_no_other(methods: Methods, case: str) -> None:
    mine, usual = methods.cells[case].models, methods.cells["mean"].models
    assert mine["expert_1"] == usual["expert_1"] == mine["floor"]
    assert mine["expert_2"] != usual["expert_2"]
    assert methods.values(case, "expert_1") == methods.values("mean", "expert_1")
    assert methods.values(case, "expert_2") != methods.values("mean", "expert_2")


def test_one_round_is_the_floor_itself(methods: Methods) -> None:
    models = methods.cells["one round"].models
    assert models["ensemble"] == models["floor"] == models["expert_1"]
    assert models["student"] == models["single"]
    for metric in ("nll", "accuracy"):
        ensemble = methods.values("one round", "ensemble", metric)
        assert ensemble == methods.values("one round", "floor", metric)


def test_an_ensemble_with_the_same_members_costs_a_link(methods: Methods) -> None:
    cells = [methods.cells["two rounds"], methods.cells["two of three"]]
    first, second = (cell.models["ensemble"] for cell in cells)
    assert first != second, "their keys are known before anything runs"
    store = methods.user.opened()
    measures = [
        {(m.subject, m.role): m.key for m in cell.measures if m.subject in ("ensemble", "student")}
        for cell in cells
    ]
    assert measures[0].keys() == measures[1].keys()
    for which, key in measures[0].items():
        if which == ("ensemble", "transfer"):
            continue
        one, two = store.require(key), store.require(measures[1][which])
        assert one.key != two.key
        for name in one.manifest.files:
            assert one.path(name).samefile(two.path(name)), f"{which} was run twice"
    for subject in ("ensemble", "student"):
        two_rounds = methods.values("two rounds", subject)
        assert two_rounds == methods.values("two of three", subject)


def test_layers_cut_the_weak_model_only(methods: Methods) -> None:
    blocks = {
        subject: methods.read("one block", subject, "model/config.json")["num_hidden_layers"]
        for subject in ("expert_1", "expert_3", "student")
    }
    assert blocks == {"expert_1": 1, "expert_3": 1, "student": 2}
    weak = methods.values("one block", "weak_base")
    assert weak != methods.values("one block", "strong_base")
    assert weak != methods.values("mean", "weak_base")


def test_adapters_are_all_that_is_stored(methods: Methods) -> None:
    for subject in ("expert_1", "expert_2", "student"):
        files = methods.artifact("adapters", subject).manifest.files
        assert "adapter/adapter_model.safetensors" in files
        assert not any(name.startswith("model/") for name in files)
    rank = methods.read("adapters", "student", "adapter/adapter_config.json")["r"]
    assert rank == 2
    trained = methods.values("adapters", "student")["id"]
    assert trained != methods.values("adapters", "strong_base")["id"]
    assert trained != methods.values("mean", "student")["id"]
    assert methods.values("adapters", "ensemble").keys() == {"validation", "id", "ood"}


def test_soft_labels_teach_another_student(methods: Methods) -> None:
    soft, hard = methods.cells["soft"].models, methods.cells["mean"].models
    assert soft["ensemble"] == hard["ensemble"]
    assert soft["student"] != hard["student"]
    assert methods.values("soft", "student") != methods.values("mean", "student")
    labels = methods.artifact("soft", "student").manifest.preimage["inputs"]["labels"]
    assert "soft.safetensors" in methods.user.opened().require(labels).manifest.files


def test_where_all_experts_are_rejected_the_ensemble_is_the_floor(methods: Methods) -> None:
    described = methods.read("frozen", "ensemble", "ensemble.json")
    models = methods.cells["frozen"].models
    assert [member["key"] for member in described["members"]] == [models["floor"]]
    assert "floor" in described["note"]
    for metric in ("nll", "accuracy"):
        ensemble = methods.values("frozen", "ensemble", metric)
        assert ensemble == methods.values("frozen", "floor", metric)


def test_rounds_after_the_end_of_boosting_train_nothing(methods: Methods) -> None:
    for number in (3, 4, 5):
        assert methods.values("frozen", f"expert_{number}") == {}
        files = methods.artifact("frozen", f"expert_{number}").manifest.files
        assert set(files) == {"round.json"}
    assert methods.values("frozen", "expert_2").keys() == {"validation", "id", "ood"}


def test_a_test_slice_that_seeds_share_is_measured_once(lab: Lab, ray_session: None) -> None:
    """Without a size, every seed's test slice is the whole split."""
    text = SWEEP.replace("id: [{task: copy, size: 16}]", "id: [copy]").replace(
        "seeds: 1", "seeds: 2\nbaselines: [floor]"
    )
    sweep = lab.sweep(text.replace("sweep: tiny", "sweep: whole").replace("rounds: 3", "rounds: 1"))
    user = User(lab.root / "methods-store", lab.data)
    assert user.here("run", sweep).status == 0
    store, cells = user.opened(), read_ledger(user.opened(), "whole").cells
    measured = [
        store.require(measure.key)
        for cell in cells
        for measure in cell.measures
        if (measure.subject, measure.role) == ("weak_base", "id")
    ]
    assert measured[0].key != measured[1].key
    assert measured[0].path("measurements.json").samefile(measured[1].path("measurements.json"))
