"""How trackers name runs and metrics, and tell how a trial ended."""

from pathlib import Path

import pytest

from w2s_platform.graph.model import Measure
from w2s_platform.running.searching import UNDEFINED
from w2s_platform.running.tracking.described import (
    Ending,
    ending_of,
    label_of,
    metric_name,
    own_folder,
)
from w2s_platform.running.tracking.numbers import slice_names


def test_a_run_is_named_by_what_varies() -> None:
    varied = {"experts.unit": "token", "experts.training.epochs": 2, "student.training.epochs": 1}
    assert label_of(varied, 3) == (
        "unit=token experts.training.epochs=2 student.training.epochs=1 seed=3"
    )
    assert label_of({}, 0) == "seed=0"
    long = label_of({f"key{n}": "x" * 100 for n in range(9)}, 10)
    assert len(long) == 120
    assert long.endswith("x seed=10")
    assert label_of({"a": None, "b": [1, {"c": 0.5}], "d": 1e-4, "e": True}) == (
        'a=null b=[1, {"c": 0.5}] d=0.0001 e=true'
    )


def test_runs_of_one_name_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = [own_folder(tmp_path / "new", "a/../b seed=0") for _ in range(3)]
    assert [folder.name for folder in folders] == [f"a_.._b_seed=0{n}" for n in ("", "-2", "-3")]
    assert all(folder.is_dir() and folder.parent == tmp_path / "new" for folder in folders)


def test_a_slice_is_named_where_its_role_has_several() -> None:
    slices = [("id", "arc", "test"), ("ood", "a[level=1..2]", "test"), ("ood", "b", "test"),
              ("ood", "b", "train")]  # fmt: skip
    names = slice_names(Measure("floor", *place, key="") for place in (*slices, *slices))
    assert [metric_name((*names[place], "floor", "nll@1-2")) for place in slices] == [
        "id/floor/nll_1-2",
        "ood/a_level_1..2_/floor/nll_1-2",
        "ood/b_test/floor/nll_1-2",
        "ood/b_train/floor/nll_1-2",
    ]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"status": "done", "error": ""}, Ending("finished")),
        ({"status": "cached", "error": ""}, Ending("finished")),
        ({"status": "failed", "error": "round 1: nan"}, Ending("failed", "round 1: nan")),
        ({"status": "to_run", "error": "8 h are over"}, Ending("stopped", "8 h are over")),
        ({"round": 3, "finished": True, "objective": 0.5}, Ending("finished")),
        ({"round": 3, "finished": True}, Ending("failed", UNDEFINED)),
        ({"round": 1, "finished": False}, Ending("stopped", "the search's scheduler stopped it")),
        ({"error": "no good"}, Ending("failed", "no good")),
        ({"held": "8 h are over"}, Ending("stopped", "8 h are over")),
        ({}, Ending("stopped", "the run ended before it")),
    ],
)
def test_how_a_trial_ended(result: dict[str, object], expected: Ending) -> None:
    assert ending_of(result) == expected
