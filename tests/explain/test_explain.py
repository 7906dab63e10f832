"""Why keys differ: the field is named at the stage where it came in."""

from pathlib import Path

import pytest

from ensemble_core.errors import InputError
from w2s_platform.explain import ABSENT, Difference, explain, field_differences
from w2s_platform.stage import Stage
from w2s_platform.store import Store, open_store


def done(store: Store, stage: Stage) -> Stage:
    lease = store.acquire(stage.key, stage.kind)
    assert lease is not None
    with lease:
        lease.publish(preimage=stage.preimage)
    return stage


def test_leaves_that_differ_are_found_in_nested_values() -> None:
    first = {"a": 1, "b": {"c": [1, 2], "d": None}, "only": True}
    second = {"a": 1, "b": {"c": [1, 3], "d": None}}
    assert list(field_differences(first, second)) == [
        ("b.c", [1, 2], [1, 3]),
        ("only", True, ABSENT),
    ]


def test_a_cause_is_told_once_at_the_stage_where_it_arose(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    ends: list[str] = []
    for rate in (0.001, 0.002):
        first = done(store, Stage("round", {"training": {"learning_rate": rate}}))
        second = done(store, Stage("round", {"round": 2}, {"previous": first.key}))
        both = {"round_1": first.key, "round_2": second.key}
        ends.append(done(store, Stage("ensemble", {"combine": "mean"}, both)).key)
    told = [Difference("round", "settings.training.learning_rate", 0.001, 0.002)]
    assert explain(store, ends[0][:16], ends[1][:16]) == told


def test_the_same_stage_has_no_differences(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    key = done(store, Stage("data", {"seed": 1})).key
    assert explain(store, key, key[:12]) == []


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    done(store, Stage("data", {"seed": 1}))
    with pytest.raises(InputError, match="no cell `zzzz`"):
        explain(store, "zzzz", "zzzz")
