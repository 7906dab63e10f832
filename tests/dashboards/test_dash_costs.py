"""What was reached against what it cost."""

import pandas as pd
import pytest
from ledgers import key_of, publish

from dashboards.data import cost
from dashboards.data.library import Library
from w2s_platform.store import Store


def test_the_frontier_holds_what_none_beats_for_less() -> None:
    costs, values = [1, 2, 2, 3, 4], [0.5, 0.4, 0.6, 0.6, 0.9]
    assert cost.pareto(costs, values, lower=False) == [True, False, True, False, True]
    assert cost.pareto([1, 2], [0.5, 0.4], lower=True) == [True, True]


def points(number: int) -> pd.DataFrame:
    """Points in fifty columns and eight rows, each row as thick as a thousandth of the whole."""
    places = range(number)
    return pd.DataFrame(
        {
            "cost": [float(place % 50) for place in places],
            "value": [place % 8 + 0.007 * place / number for place in places],
            "subject": ["floor" if place % 2 else "ensemble" for place in places],
            "best": [place == number - 1 for place in places],
        }
    )


def test_points_that_lie_on_each_other_are_drawn_once() -> None:
    many = points(5000)
    drawn = cost.apart(many, "cost", "value")
    assert len(drawn) == 200 + 1  # where columns and rows meet, and the best besides
    assert drawn.index[drawn["best"]].tolist() == [4999]
    seen = set(zip(drawn["cost"], drawn["value"].astype(int), drawn["subject"], strict=True))
    every = set(zip(many["cost"], many["value"].astype(int), many["subject"], strict=True))
    assert seen == every


def test_few_points_are_all_drawn() -> None:
    few = points(900)
    assert cost.apart(few, "cost", "value") is few


def test_points_of_one_value_can_be_told_apart_by_their_costs() -> None:
    line = points(5000).assign(value=1.0, subject="floor")
    assert sorted(set(cost.apart(line, "cost", "value")["cost"])) == [float(c) for c in range(50)]


def test_a_subject_costs_what_it_needs_and_shared_work_once(empty: Store) -> None:
    first, round_, student = (key_of(name) for name in ("pretrain", "round", "student"))
    ledger = {
        "id": "c" * 12, "seed": 0, "trial": "t", "varied": {}, "measures": [],
        "stages": [first, round_, student], "models": {"floor": round_, "student": student},
    }  # fmt: skip
    empty.record_sweep("study", {"sweep": "study", "cells": [ledger]})
    publish(empty, first, "pretrain", {})
    publish(empty, round_, "round", {}, {"pretrained": first})
    publish(empty, student, "student", {}, {"labels": round_, "pretrained": first})
    (data,) = Library(empty.url).look(["study"])
    found = cost.subject_costs(data).set_index("subject")["device_hours"] * 3600
    assert found.to_dict() == pytest.approx({"floor": 4.0, "student": 6.0})
