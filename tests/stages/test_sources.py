"""The stage `pretrain` of a hub model, where the hub is down."""

import json
from pathlib import Path

import pytest

from ensemble_core.settings import ModelRef
from w2s_platform.stage import Stage
from w2s_platform.stages.run import run_stage
from w2s_platform.stages.runtime import Runtime
from w2s_platform.store import open_store

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compute node: no hub, and a cache of its own."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


def stage(revision: str) -> Stage:
    ref = ModelRef(hub="lab/model", revision=revision)
    return Stage("pretrain", {"source": revision}, hints={"model": ref.model_dump()})


def test_a_hub_that_does_not_answer_is_no_fault_of_the_sweep(tmp_path: Path) -> None:
    outcome = run_stage(stage("main"), str(tmp_path / "store"), Runtime())
    assert outcome.status == "failed"
    assert "the hub did not answer" in (outcome.error or "")
    assert not outcome.deterministic, "a later run tries again"


def test_a_full_commit_needs_no_hub(tmp_path: Path) -> None:
    pinned = stage(COMMIT)
    assert run_stage(pinned, str(tmp_path / "store"), Runtime()).status == "done"
    made = open_store(str(tmp_path / "store")).require(pinned.key)
    assert json.loads(made.path("model.json").read_text())["revision"] == COMMIT
