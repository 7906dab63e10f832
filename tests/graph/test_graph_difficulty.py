"""Difficulty by a model's loss in the graph: one stage per split, for those who select by it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from graph_helpers import shipped_cards, sweep_of

from ensemble_core.tasks.cards import load_card
from w2s_platform.graph.build import build_graph
from w2s_platform.graph.model import Graph
from w2s_platform.graph.search import searches
from w2s_platform.running.needs import needs_of
from w2s_platform.stage import Stage

CARD = """
task: rated
sources:
  - generator: {family: letters, count: 400, difficulties: [1, 2, 3, 4]}
difficulty: {model: nano-s, layers: 2, folds: 4, training: {epochs: 2}}
groups: {difficulty: {easy: 0%..50%, hard: 50%..100%}}
"""
SWEEP = """
sweep: by-loss
tasks:
  labelled: rated[difficulty=easy, size=20]
  transfer: rated[difficulty=hard, size=20]
  validation: rated[size=10]
  id: rated[difficulty=easy, size=10]
  ood:
    - rated[size=11]
    - nano-digits[difficulty=3..4, size=10]
experts: {model: nano-xs, rounds: 2}
student: {model: nano-s}
seeds: 2
"""
Make = Callable[..., Graph]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """The graph of the sweep, with changes to the card or to the sweep."""

    def build(card: str = CARD, sweep: str = SWEEP) -> Graph:
        path = tmp_path / "rated.yaml"
        path.write_text(card)
        return build_graph(sweep_of(sweep), {**shipped_cards(), "rated": load_card(path)})

    return build


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def difficulties(graph: Graph) -> dict[str, Stage]:
    """The stages by split."""
    found = [stage for stage in graph.stages.values() if stage.kind == "difficulty"]
    assert len({stage.settings["split"] for stage in found}) == len(found), "one for each split"
    return {stage.settings["split"]: stage for stage in found}


def readers(graph: Graph) -> set[str]:
    return {stage.label for stage in graph.stages.values() if "difficulty" in stage.inputs}


def test_one_stage_for_each_split_serves_all_cells_and_seeds(make: Make) -> None:
    graph = make(sweep=SWEEP + "vary: [{grid: {experts.rounds: [1, 2]}}]\n")
    stages = difficulties(graph)
    assert set(stages) == {"train", "test"}
    for cell in graph.cells:
        assert {stage.key for stage in stages.values()} <= set(cell.stages)
    assert readers(graph) == {
        "labelled rated[difficulty=easy]", "transfer rated[difficulty=hard]",
        "id rated[difficulty=easy]",
    }  # fmt: skip


def test_what_the_stage_holds(make: Make) -> None:
    graph = make()
    stage = difficulties(graph)["train"]
    assert set(stage.inputs) == {"pretrained"}
    assert graph.stages[stage.inputs["pretrained"]].hints["model"]["nano"] == "nano-s"
    assert stage.settings["training"]["epochs"] == 2
    told = {name: stage.settings[name] for name in ("folds", "layers", "precision", "seed")}
    assert told == {"folds": 4, "layers": 2, "precision": "fp32", "seed": 0}
    assert stage.label == "difficulty of rated train"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("folds: 4", "folds: 3"),
        ("epochs: 2", "epochs: 3"),
        ("layers: 2", "layers: 1"),
        ("model: nano-s", "model: nano-xs"),
        ("count: 400", "count: 401"),
        ("groups:", 'prompt: "Q: {{ question }}"\ngroups:'),
    ],
)
def test_whatever_decides_a_loss_decides_the_key(make: Make, old: str, new: str) -> None:
    before, after = make(), make(changed(CARD, old, new))
    assert difficulties(before)["train"].key != difficulties(after)["train"].key
    assert set(before.cells[0].stages).isdisjoint(
        key for key in after.cells[0].stages if "difficulty" in after.stages[key].inputs
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("easy: 0%..50%", "easy: 0%..30%"),
        ("epochs: 2", "epochs: 2, micro_batch_size: 4"),
    ],
)
def test_groups_and_rounding_train_nothing_again(make: Make, old: str, new: str) -> None:
    before, after = make(), make(changed(CARD, old, new))
    assert difficulties(before) == difficulties(after)


def test_without_a_selection_by_it_there_is_no_stage(make: Make) -> None:
    sweep = SWEEP.replace("difficulty=easy, ", "").replace("difficulty=hard, ", "")
    graph = make(sweep=sweep)
    assert difficulties(graph) == {}
    plain = CARD.replace(CARD[CARD.index("difficulty: {model") : CARD.index("groups")], "")
    assert set(make(plain, sweep).stages) == set(graph.stages), "so that no key changes either"


def test_it_gets_the_devices_of_the_experts_and_one_worker(make: Make) -> None:
    asked = "resources: {experts: {workers: 4, gpus_per_worker: 1, cpus_per_worker: 2}}\n"
    stage = difficulties(make(sweep=SWEEP + asked))["train"]
    needs = needs_of(stage)
    assert (needs.workers, needs.gpus, needs.cpus) == (1, 1.0, 2.0)
    assert stage.settings["precision"] == "bf16"


SEARCH = """
search:
  space: {experts.rounds: {type: int, low: 1, high: 2}}
  objective: {metric: nll}
  trials: 2
"""


def test_another_difficulty_is_another_study(tmp_path: Path) -> None:
    def study(card: str) -> str:
        path = tmp_path / "rated.yaml"
        path.write_text(card)
        cards = {**shipped_cards(), "rated": load_card(path)}
        [search] = searches(sweep_of(SWEEP + SEARCH), cards, None)
        return search.study

    assert study(CARD) == study(CARD)
    assert study(CARD) != study(changed(CARD, "folds: 4", "folds: 5"))
