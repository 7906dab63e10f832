"""Two workers through Ray Train against one process: same function, same numbers."""

import json
from pathlib import Path

import pytest
from run_helpers import GraphMaker
from training_work import make_pretrained, train_stage

from w2s_platform.running.options import RunOptions
from w2s_platform.running.policy import Policy
from w2s_platform.running.sweep import run_sweep
from w2s_platform.store import Store

pytestmark = [pytest.mark.usefixtures("ray_work"), pytest.mark.slow]
SPREAD = {"workers": 2, "cpus_per_worker": 1.0}


def test_two_workers_train_what_one_does(maker: GraphMaker, store: Store, tmp_path: Path) -> None:
    pretrained = make_pretrained(store, tmp_path)
    keys = [
        maker.stage("one", kind="round", pretrained=pretrained, training={}),
        maker.stage("two", kind="round", pretrained=pretrained, training={}, resources=SPREAD, n=2),
    ]
    maker.cell("cell", *keys)
    report = run_sweep(
        maker.graph(), RunOptions(store.url, policy=Policy(retries=0)), execute=train_stage
    )
    assert report.exit_status == 0, report
    one, two = (json.loads(store.require(key).path("summary.json").read_text()) for key in keys)
    assert len(one["losses"]) == 12
    assert one["losses"][-1] < 0.8 * one["losses"][0], "it learns"
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-4)
    assert two["sum"] == pytest.approx(one["sum"], rel=1e-3)
    assert two["tokens"] == one["tokens"]
    assert {".stop", ".training-log.json"}.isdisjoint(store.require(keys[1]).manifest.files)
    spread = next(stage for stage in report.stages if stage.key == keys[1])
    assert spread.progress["steps"] == 12
