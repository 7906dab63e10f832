"""Two workers through Ray Train against one process: same function, same numbers."""

import json
from pathlib import Path

import pytest
import torch
from run_helpers import GraphMaker
from training_work import make_job, make_pretrained, train_stage

from ensemble_core.workers import SINGLE
from w2s_platform.running.options import RunOptions
from w2s_platform.running.policy import Policy
from w2s_platform.running.sweep import run_sweep
from w2s_platform.stages.runtime import Runtime
from w2s_platform.stages.training import run_training
from w2s_platform.store import Store

pytestmark = [pytest.mark.usefixtures("ray_work"), pytest.mark.slow]


def test_two_workers_train_what_one_does(maker: GraphMaker, store: Store, tmp_path: Path) -> None:
    pretrained = make_pretrained(store)
    spread = {"workers": 2, "cpus_per_worker": 1.0}
    key = maker.stage("two", kind="round", pretrained=pretrained, resources=spread)
    maker.cell("cell", key)
    options = RunOptions(store.url, policy=Policy(retries=0))
    report = run_sweep(maker.graph(), options, execute=train_stage)
    assert report.exit_status == 0, report

    torch.set_num_threads(1)
    job = make_job(store.url, pretrained, tmp_path / "one")
    alone = run_training(job, SINGLE, Runtime(threads=1))
    one = alone.log
    two = json.loads(store.require(key).path("summary.json").read_text())
    assert len(one.losses) == 12
    assert one.losses[-1] < 0.8 * one.losses[0], "it learns"
    assert two["losses"] == pytest.approx(one.losses, rel=1e-4)
    assert two["tokens"] == one.tokens
    assert alone.misses is not None
    assert alone.pretrained_misses is not None
    assert alone.misses.mean() < alone.pretrained_misses.mean()
    assert two["misses"] == alone.misses.tolist()
    assert two["pretrained_misses"] == alone.pretrained_misses.tolist()
    assert summed(store.require(key).path("model/config.json").parent) == pytest.approx(
        summed(tmp_path / "one" / "model"), rel=1e-3
    )
    assert {".stop", ".trained.json"}.isdisjoint(store.require(key).manifest.files)
    assert report.stages[0].progress["steps"] == 12


def summed(model: Path) -> float:
    """The sum of the output weights of a saved model."""
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(model)
    return loaded.get_output_embeddings().weight.detach().double().abs().sum().item()
