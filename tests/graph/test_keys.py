"""What a key holds: all that decides a stage's output, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graph_helpers import SWEEP, cell, graph

from ensemble_core.settings import LoraSettings, Settings, TrainingSettings
from w2s_platform.graph.builder import plain
from w2s_platform.stage import Stage
from w2s_platform.stages.context import StageContext
from w2s_platform.stages.runtime import Runtime
from w2s_platform.store import open_store

ROUNDS = "rounds: 3"


def context(stage: Stage, tmp_path: Path) -> StageContext:
    store = open_store(str(tmp_path))
    return StageContext(stage, store, store.url, tmp_path, Runtime())


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for below in value.values():
            yield from leaves(below)
    else:
        yield value


def test_a_precision_is_what_it_comes_to() -> None:
    fp32 = cell("", (ROUNDS, "rounds: 3, training: {precision: fp32}"))
    assert fp32.models == cell().models


def test_a_micro_batch_decides_nothing_but_arrives(tmp_path: Path) -> None:
    change = (ROUNDS, "rounds: 3, training: {micro_batch_size: 4}")
    assert cell("", change).models == cell().models
    for stage in graph(SWEEP.replace(*change)).stages.values():
        if stage.kind in ("round", "bag", "student", "ceiling"):
            training = context(stage, tmp_path).training
            of_experts = stage.kind in ("round", "bag")
            assert training.micro_batch_size == (4 if of_experts else None)
            assert (training.batch_size, training.clip) == (32, 1.0)


@pytest.mark.parametrize(("labels", "same"), [("choice", True), ("hard", False)])
def test_the_length_of_an_answer_decides_labels_that_are_decoded(labels: str, same: bool) -> None:
    change = ("{model: nano-s}", f"{{model: nano-s, labels: {labels}}}")
    short, long = (
        cell(f"evaluation: {{max_new_tokens: {tokens}}}\n", change) for tokens in (8, 16)
    )
    assert (short.models["student"] == long.models["student"]) == same


def test_what_is_off_is_no_part_of_a_key() -> None:
    stages = graph(SWEEP).stages.values()
    assert {stage.kind for stage in stages} >= {"data", "pretrain", "evaluate", "ceiling"}
    assert not [stage for stage in stages if None in leaves(stage.settings)]


def test_an_option_that_a_later_version_adds_changes_no_key_while_it_is_off() -> None:
    class Noise(Settings, frozen=True):
        rate: float = 0.1
        seed: int | None = None

    class Later(TrainingSettings, frozen=True):
        noise: Noise | None = None

    assert plain(Later()) == plain(TrainingSettings())
    assert plain(Later(noise=Noise()))["noise"] == {"rate": 0.1}


def test_none_where_it_is_not_the_default_says_something() -> None:
    unclipped = plain(TrainingSettings(clip=None))
    assert unclipped["clip"] is None
    assert TrainingSettings.model_validate(unclipped).clip is None
    assert cell("", (ROUNDS, "rounds: 3, training: {clip: null}")).rounds != cell().rounds


def test_settings_come_back_as_they_were() -> None:
    for settings in (TrainingSettings(max_length=40), LoraSettings(rank=2)):
        assert type(settings).model_validate(plain(settings)) == settings


def test_two_slices_that_differ_in_size_only_have_names_of_their_own() -> None:
    change = ("id: nano-letters[size=10]", "id: ['nano-letters[size=10]', 'nano-letters[size=12]']")
    names = [m.task for m in cell("", change).measures if (m.subject, m.role) == ("floor", "id")]
    assert names == ["nano-letters[size=10]", "nano-letters[size=12]"]
    assert {m.task for m in cell().measures if m.role == "id"} == {"nano-letters"}


def test_slices_of_two_splits_are_told_apart_by_their_split() -> None:
    change = (
        "id: nano-letters[size=10]",
        "id: ['nano-letters[size=10]', 'nano-letters[split=train, size=10]']",
    )
    found = [m for m in cell("", change).measures if (m.subject, m.role) == ("floor", "id")]
    assert [(m.task, m.split) for m in found] == [
        ("nano-letters", "test"),
        ("nano-letters", "train"),
    ]
