"""Two workers through Ray Train against one process: same function, same numbers."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from run_helpers import GraphMaker
from training_work import make_job, make_pretrained, train_stage

from ensemble_core.encoding import TokenDataset
from ensemble_core.workers import SINGLE
from w2s_platform.running.needs import Needs
from w2s_platform.running.options import RunOptions
from w2s_platform.running.policy import Policy
from w2s_platform.running.sweep import run_sweep
from w2s_platform.running.torch_trainer import WorkerGroup
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


def test_a_worker_that_dies_is_the_machines_fault(store: Store, tmp_path: Path) -> None:
    class Deadly(TokenDataset):
        """Data that the second worker dies of."""

        def __len__(self) -> int:
            if dist.is_initialized() and dist.get_rank() == 1:
                os._exit(1)
            return super().__len__()

    job = make_job(store.url, make_pretrained(store), tmp_path)
    group = WorkerGroup(Needs(workers=2), broker=None, key="k" * 64)
    with pytest.raises(ConnectionError, match="the workers of the training were lost"):
        group(replace(job, data=Deadly(job.data.examples)), Runtime(threads=1))
    assert {path.name for path in tmp_path.iterdir()}.isdisjoint({".stop", ".trained.json"})


def summed(model: Path) -> float:
    """The sum of the output weights of a saved model."""
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(model)
    return loaded.get_output_embeddings().weight.detach().double().abs().sum().item()
