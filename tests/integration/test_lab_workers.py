"""Training over two workers through Ray Train: the same curve, the same key."""

import json
from pathlib import Path
from typing import Any

import pytest
from lab_user import User
from laboratory import SWEEP, Lab

from w2s_platform.results.ledger import read_ledger

pytestmark = pytest.mark.slow


def test_two_workers_train_as_one(lab: Lab, tmp_path: Path, ray_session: None) -> None:
    text = SWEEP.replace("rounds: 3", "rounds: 1").replace(
        "seeds: 1", "seeds: 1\nbaselines: [floor]"
    )
    curves: dict[int, Any] = {}
    keys: dict[int, str] = {}
    user = User(tmp_path / "store", lab.data)
    for workers in (1, 2):
        resources = f"resources: {{experts: {{workers: {workers}}}}}\n"
        answer = user.here("run", lab.sweep(text + resources, "workers.yaml"))
        assert answer.status == 0, answer
        floor = read_ledger(user.opened(), "tiny").cells[0].models["floor"]
        described = user.opened().require(floor).path("round.json").read_text()
        curves[workers], keys[workers] = json.loads(described)["training"]["losses"], floor
        user.forget("round")  # two workers find the data that one had, and do the rest again
    assert keys[1] == keys[2], "how many workers decides nothing"
    assert curves[2] == pytest.approx(curves[1], rel=1e-4)
    assert len(curves[1]) == 6
