"""The graph: what cells share, and what decides a key."""

import time
from collections import Counter

import pytest
from graph_helpers import SWEEP, cell, graph


def kinds(text: str) -> Counter[str]:
    return Counter(stage.kind for stage in graph(text).stages.values())


def test_inputs_stand_before_the_stages_that_read_them() -> None:
    made = graph(SWEEP)
    seen: set[str] = set()
    for key in made.cells[0].stages:
        assert set(made.stages[key].inputs.values()) <= seen
        seen.add(key)
    assert seen == set(made.stages)


def test_rounds_are_shared_by_every_count_combiner_and_number_of_rounds() -> None:
    vary = """
vary:
  - grid:
      experts.rounds: [1, 2, 3, 4]
      experts.count: [1, 2, 3, 4]
      experts.combine: [mean, vote]
      student.training.learning_rate: [0.001, 0.002]
exclude:
"""
    excluded = "".join(
        f"  - {{experts.rounds: {rounds}, experts.count: {count}}}\n"
        for rounds in range(1, 5)
        for count in range(rounds + 1, 5)
    )
    counted = kinds(SWEEP + vary + excluded + "seeds: 2\n")
    assert counted["round"] == 4 * 2
    assert counted["bag"] == 4 * 2
    assert counted["ceiling"] == 2 * 2
    assert counted["pretrain"] == 2


def test_the_first_round_does_not_know_what_is_reweighed() -> None:
    token, sample = cell(), cell("", ("rounds: 3", "rounds: 3, unit: sample, update: resample"))
    assert token.rounds[0] == sample.rounds[0]
    assert token.models["floor"] == sample.models["floor"]
    assert token.models["bagging"] == sample.models["bagging"]
    assert token.rounds[1] != sample.rounds[1]


def test_one_expert_is_its_own_ensemble() -> None:
    alone = cell("", ("rounds: 3", "rounds: 1"))
    assert alone.models["ensemble"] == alone.models["floor"]
    assert alone.models["student"] == alone.models["single"]


@pytest.mark.parametrize(
    "change",
    [
        ("nano-digits[size=10]", "nano-digits[size=12]"),
        ("id: nano-letters[size=10]", "id: nano-letters[difficulty=4, size=10]"),
    ],
)
def test_test_questions_never_decide_what_is_trained(change: tuple[str, str]) -> None:
    one, other = cell(), cell("", change)
    assert one.models == other.models


def test_training_settings_seed_and_precision_decide_a_key() -> None:
    plain = cell()
    rate = cell("", ("rounds: 3", "rounds: 3, training: {learning_rate: 0.01}"))
    bf16 = cell("", ("rounds: 3", "rounds: 3, training: {precision: bf16}"))
    seeds = [made.rounds[0] for made in graph(SWEEP + "seeds: 2\n").cells]
    assert len({plain.rounds[0], rate.rounds[0], bf16.rounds[0], *seeds}) == 4
    assert plain.rounds[0] in seeds


def test_workers_batches_and_names_decide_nothing() -> None:
    plain = cell()
    others = [
        cell("resources: {experts: {workers: 4, cpus_per_worker: 2}}\n"),
        cell("evaluation: {batch_size: 7}\n"),
        cell("", ("sweep: shared", "sweep: renamed")),
    ]
    assert {made.id for made in others[::2]} == {plain.id}
    assert all(made.stages == plain.stages for made in others)


def test_gpus_turn_automatic_precision_to_bf16() -> None:
    made = graph(SWEEP + "resources: {experts: {gpus_per_worker: 1}}\n")
    precision = {stage.kind: stage.settings.get("precision") for stage in made.stages.values()}
    assert precision["round"] == "bf16"
    assert precision["student"] == "fp32"


def test_who_answers_questions_with_a_model_gets_the_devices_of_its_role() -> None:
    made = graph(SWEEP + "resources: {students: {gpus_per_worker: 1}}\n")
    gpus = {
        measure.subject: made.stages[measure.key].hints["resources"]["gpus_per_worker"]
        for measure in made.cells[0].measures
    }
    assert {subject for subject, number in gpus.items() if number} == {
        "strong_base", "single", "student", "ceiling",
    }  # fmt: skip


@pytest.mark.alone
def test_a_thousand_cells_take_seconds() -> None:
    rates = ", ".join(f"{n / 10000}" for n in range(1, 101))
    vary = f"vary: [{{grid: {{experts.training.learning_rate: [{rates}]}}}}]\nseeds: 10\n"
    began = time.process_time()
    made = graph(SWEEP + vary)
    assert len(made.cells) == 1000
    assert time.process_time() - began < 5


def test_labels_know_the_longest_text_that_the_student_reads() -> None:
    limit = ("student: {model: nano-s}", "student: {model: nano-s, training: {max_length: 40}}")
    made = graph(SWEEP.replace(*limit))
    written = [s.settings["max_length"] for s in made.stages.values() if s.kind == "labels"]
    assert written == [40, 40]
