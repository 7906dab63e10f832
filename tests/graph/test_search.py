"""A search over a sweep: its study's name, its trials in another folder, its objective."""

import json
import shutil
from pathlib import Path

import pytest
from graph_helpers import SWEEP, shipped_cards, sweep_of

from ensemble_core.tasks.cards import load_card
from w2s_platform.graph.search import SweepSearch, searches
from w2s_platform.stages.registry import REGISTRY
from w2s_platform.store import Store, open_store

SEARCH = """
search:
  space:
    experts.training.learning_rate: {type: float, low: 0.001, high: 0.01}
    student.model: {type: categorical, choices: [nano-s, ./strong]}
  trials: 5
  objective: {metric: accuracy}
"""
TEXT = SWEEP.replace("model: nano-xs", "model: ./weak") + SEARCH
VALUES = {"experts.training.learning_rate": 0.002, "student.model": "./strong"}


def write_models(folder: Path) -> None:
    """Two folders that count as models, with different content."""
    for name in ("weak", "strong"):
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text(json.dumps({"name": name}))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The driver's working directory, with the models in it."""
    write_models(tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


def search(text: str = TEXT) -> SweepSearch:
    [only] = searches(sweep_of(text), shipped_cards(), None)
    return only


def test_a_trial_in_another_folder_finds_the_models(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = search()
    here = problem.configuration(VALUES)
    elsewhere = home.parent / "trial"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    there = problem.configuration(VALUES)
    assert there.steps == here.steps
    paths = {stage.hints["model"]["path"] for stage in there.graph.stages.values()
             if stage.kind == "pretrain"}  # fmt: skip
    assert paths == {str(home / "weak"), str(home / "strong")}


def test_a_study_is_the_same_wherever_it_is_and_however_many_trials_it_has(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = search().study
    assert search(TEXT.replace("trials: 5", "trials: 50")).study == name
    moved = shutil.copytree(home, home.parent / "moved")
    monkeypatch.chdir(moved)
    assert search().study == name


@pytest.mark.parametrize("model", ["weak", "strong"])
def test_a_model_with_other_files_makes_another_study(
    home: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    name = search().study
    other = shutil.copytree(home, home.parent / f"other-{model}")
    (other / model / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.chdir(other)
    assert search().study != name


@pytest.mark.parametrize("place", ["mix", "later"])
def test_so_does_one_of_a_mix_or_of_a_later_generation(
    home: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    shutil.copytree(home / "weak", home / "third")
    where = {
        "mix": ("rounds: 3", "rounds: 3, mix: [./third]"),
        "later": ("model: nano-s", "model: nano-s, later: [{model: ./third}]"),
    }
    text = TEXT.replace(*where[place], 1)
    assert "third" in text
    name = search(text).study
    other = shutil.copytree(home, home.parent / "other")
    monkeypatch.chdir(other)
    (other / "third" / "model.safetensors").write_bytes(b"other weights")
    assert search(text).study != name
    trained = search(text).configuration(VALUES).graph
    assert str(other / "third") in {
        stage.hints["model"]["path"]
        for stage in trained.stages.values()
        if stage.kind == "pretrain"
    }


@pytest.mark.parametrize("role", ["experts", "students"])
def test_the_precision_of_either_role_makes_another_study(home: Path, role: str) -> None:
    assert search(TEXT + f"resources: {{{role}: {{workers: 2}}}}\n").study == search().study
    assert search(TEXT + f"resources: {{{role}: {{gpus_per_worker: 1}}}}\n").study != search().study


def test_a_new_version_of_a_stage_makes_another_study(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = search().study
    monkeypatch.setitem(REGISTRY, "round", REGISTRY["round"]._replace(version=99))
    assert search().study != name


def test_other_questions_make_another_study(home: Path) -> None:
    card = home / "quiz.yaml"
    card.write_text("task: quiz\nsources:\n  - files: {train: q.jsonl, test: q.jsonl}\n"
                    "    fields: {question: q, answer: a}\n")  # fmt: skip
    text = TEXT.replace("nano-letters[size=10]\n  id", "quiz[size=1]\n  id")
    names: list[str] = []
    for answer in ("1", "2"):
        root = home / answer
        root.mkdir()
        (root / "q.jsonl").write_text(json.dumps({"q": "how many?", "a": answer}))
        cards = shipped_cards() | {"quiz": load_card(card)}
        [problem] = searches(sweep_of(text), cards, root)
        names.append(problem.study)
    assert len(set(names)) == 2


def measured(store: Store, problem: SweepSearch, values: dict[str, list[float]]) -> float | None:
    """The objective where the subjects' accuracies are these, seed by seed."""
    configuration = problem.configuration({})
    for seed, cell in enumerate(configuration.graph.cells):
        for measure in cell.measures:
            if measure.subject in values and measure.role == "validation":
                stage = configuration.graph.stages[measure.key]
                lease = store.acquire(stage.key, stage.kind)
                assert lease is not None
                with lease:
                    row = {"metric": "accuracy", "value": values[measure.subject][seed]}
                    (lease.workdir / "measurements.json").write_text(json.dumps([row]))
                    lease.publish(preimage=stage.preimage)
    return problem.objective(store, configuration, len(configuration.steps))


PGR = SWEEP + "seeds: 2\n" + SEARCH.replace("accuracy", "pgr, subject: student")


def test_the_objective_is_the_mean_over_seeds(tmp_path: Path) -> None:
    accuracies = {"floor": [0.2, 0.3], "student": [0.3, 0.5], "ceiling": [0.6, 0.5]}
    found = measured(open_store(str(tmp_path)), search(PGR), accuracies)
    assert found == pytest.approx((0.1 / 0.4 + 0.2 / 0.2) / 2)


def test_where_one_seed_has_no_value_the_objective_has_none(tmp_path: Path) -> None:
    accuracies = {"floor": [0.2, 0.3], "student": [0.3, 0.5], "ceiling": [0.6, 0.3]}
    assert measured(open_store(str(tmp_path)), search(PGR), accuracies) is None


def test_a_trial_s_cells_tell_by_what_it_was_judged_on_the_way(home: Path) -> None:
    """Each ensemble of fewer rounds; and where the trial ends early, nothing after it."""
    configuration = search().configuration(VALUES)
    assert len(configuration.steps) > 1
    (first, *_) = configuration.graph.cells
    told = {measure.subject: measure.key for measure in first.measures
            if measure.role == "validation"}  # fmt: skip
    names = [f"ensemble_after_{n}" for n in range(1, len(configuration.steps))]
    assert [told[name] for name in (*names, "ensemble")] == [
        step[0] for step in configuration.steps
    ]
    assert {measure.key for measure in first.measures} <= set(first.stages)
    (ended, *_) = configuration.until(1).cells
    subjects = {measure.subject for measure in ended.measures}
    assert subjects == {"ensemble_after_1", "floor"}, "after one round they are the same"
    assert configuration.until(len(configuration.steps)) == configuration.graph
