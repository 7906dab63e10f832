"""What a plan promises before anything runs: shared work is counted once, nothing is written."""

from collections import Counter
from typing import Any

import pytest
from lab_user import User
from laboratory import SWEEP, Lab

ROUNDS = 8
GRID = """
vary:
  - cases: [CASES]
  - grid:
      experts.combine: [mean, product, vote, uniform]
      student.training.learning_rate: [0.001, 0.003]
"""


@pytest.fixture(scope="module")
def grid(lab: Lab) -> dict[str, Any]:
    """Rounds 1 to 8, every count up to them, four combiners, two students, three seeds."""
    pairs = [(rounds, count) for rounds in range(1, ROUNDS + 1) for count in range(1, rounds + 1)]
    cases = ", ".join(f"{{experts.rounds: {r}, experts.count: {c}}}" for r, c in pairs)
    text = SWEEP.replace("rounds: 3", "rounds: 8").replace("seeds: 1", "seeds: 3")
    sweep = lab.sweep(text + GRID.replace("CASES", cases), "grid.yaml")
    user = User(lab.root / "never", lab.data)
    answer = user("plan", sweep, "--json")
    assert answer.status == 0, answer.err
    assert not user.store.exists(), "a plan writes nothing"
    return answer.json


def test_rounds_counts_and_combiners_share_their_training(grid: dict[str, Any]) -> None:
    kinds = Counter(stage["kind"] for stage in grid["stages"])
    assert len(grid["cells"]) == 36 * 4 * 2 * 3
    assert kinds["round"] == ROUNDS * 3
    assert kinds["bag"] == ROUNDS * 3
    assert kinds["ceiling"] == 2 * 3
    assert kinds["pretrain"] == 1
    assert {stage["status"] for stage in grid["stages"]} == {"to_run"}


def test_counts_and_combiners_cost_an_ensemble_each(grid: dict[str, Any]) -> None:
    kinds = Counter(stage["kind"] for stage in grid["stages"])
    boosted = 28 * 4 + 7  # with one expert the combiners are one; (1, 1) is the floor itself
    bagged = ROUNDS  # one per count
    assert kinds["ensemble"] == (boosted + bagged) * 3
    assert kinds["labels"] == (boosted + 1) * 3  # the floor's labels serve `single` and (1, 1)
    assert kinds["student"] == kinds["labels"] * 2


def test_needs_come_before_what_needs_them(grid: dict[str, Any]) -> None:
    needs = {stage["key"]: stage["needs"] for stage in grid["stages"]}
    for cell in grid["cells"][::50]:
        place = {key: n for n, key in enumerate(cell["stages"])}
        assert all(place[need] < place[key] for key in place for need in needs[key])


def test_a_plan_of_a_store_that_is_not_there_makes_none(lab: Lab, user: User) -> None:
    sweep = lab.sweep()
    for command in ("plan", "status"):
        assert user.here(command, sweep).status == 0
    assert user.here("results", sweep).status == 2
    assert user.here("validate", sweep).status == 0
    assert not user.store.exists()
