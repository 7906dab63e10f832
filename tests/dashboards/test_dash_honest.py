"""Figures that can't be misread: what is left out of them, what is joined, and in which order."""

import pandas as pd
import pytest
from ledgers import cell, publish
from outcomes import answered
from test_dash_answers import asked, row

from dashboards.data import mattered, tasks
from dashboards.data.library import Library
from dashboards.data.offers import offers_of
from dashboards.data.scope import NOTHING, places
from dashboards.figures.curves import curve_figure
from dashboards.figures.scatter import FEWEST
from dashboards.pages.guard import Guard
from ensemble_core.tasks.question import Question
from w2s_platform.results import load
from w2s_platform.store import Store


def staged_sweep(store: Store) -> None:
    """One cell with an expert and a prefix besides floor and ensemble."""
    only = cell("study", {}, 0)
    number = {"role": "id", "metric": "accuracy", "value": 0.5, "stderr": 0.1, "n": 9}
    rows = [
        {"subject": subject, **number}
        for subject in ("floor", "expert_1", "ensemble", "ensemble_1")
    ]  # fmt: skip
    store.record_sweep("study", {"sweep": "study", "cells": [only]})
    publish(store, only["stages"][0], "evaluate", {"measurements.json": rows})


def test_levels_leave_out_single_experts_and_say_so(empty: Store) -> None:
    staged_sweep(empty)
    block = asked(empty, "worked").block("levels")
    assert block is not None
    assert block.frame["subject"].tolist() == ["floor", "ensemble"]
    assert any(note.startswith("not shown: single experts") for note in block.notes)


def test_levels_show_the_single_expert_that_was_filtered_for(empty: Store) -> None:
    staged_sweep(empty)
    block = asked(empty, "worked", where={"subject": ("expert_1",)}).block("levels")
    assert block is not None
    assert block.frame["subject"].tolist() == ["expert_1"]


def test_a_lead_over_many_configurations_says_so(filled: Store) -> None:
    keys = "combine, count, experts.model, student.model"
    assert asked(filled, "worked", by=(NOTHING,)).lead[0].startswith(f"Averaged over {keys}: ")
    assert not asked(filled, "worked", "nasty").lead[0].startswith("Averaged")


def test_names_stand_as_they_come_and_sizes_by_size() -> None:
    assert list(places(["vote", "mean", None, "gate"])) == ["vote", "mean", "gate", "–"]
    assert list(places([8, 2, None])) == ["2", "8", "–"]
    assert list(places(["pythia-1b", "pythia-70m"])) == ["pythia-70m", "pythia-1b"]


def test_nothing_is_drawn_between_two_names() -> None:
    frame = mattered.curve(
        pd.DataFrame(
            [row(case=case, seed=s, cell=f"{case}{s}", value=0.1 * s, metric="accuracy")
             for case in ("vote", "mean") for s in (1, 2)]
        ),
        "case",
    )  # fmt: skip
    (drawn,) = curve_figure(frame, "case", "accuracy", title="case", y="accuracy").data
    assert drawn.mode == "markers"
    assert list(drawn.x) == ["vote", "mean"]
    assert list(drawn.y) == pytest.approx([15, 15])
    assert list(drawn.error_y.array) == pytest.approx((frame["high"] - frame["mean"]) * 100)


def test_the_importance_of_one_setting_alone_is_not_told() -> None:
    frame = pd.DataFrame({"k": ["a", "b", "c", "d"], "value": [0.1, 0.2, 0.3, 0.4], "seeds": 3})
    assert mattered.importance(frame, ["k"]) is None


def test_means_over_few_tokens_are_counted() -> None:
    outcome = {"cell": "c", "seed": 0, "subject": "floor", "task": "t", "role": "id", "split": "x"}
    lengths = [1] * FEWEST + [2]
    outcomes = pd.DataFrame([outcome | {"token_correct": [True] * n} for n in lengths])
    assert tasks.by_position(outcomes)["tokens"].tolist() == [FEWEST + 1, 1]


ASKED = Question(prompt="1+1=", answer=" 2", difficulty=1)


def test_questions_are_read_of_whole_configurations(empty: Store) -> None:
    given = {"floor": " 3", "ensemble": " 2"}
    cells = [
        answered(empty, "study", {"k": k}, seed, ASKED, given) for k in (1, 2) for seed in range(5)
    ]
    empty.record_sweep("study", {"sweep": "study", "cells": cells})
    block = asked(empty, "tasks").block("disagreement")
    assert block is not None
    assert set(block.frame["questions"]) == {10}  # of five cells, on ID and OOD
    assert "made of the questions of 5 cells (k 1) of 10; filter to see others" in block.notes


def test_changed_answers_are_counted_by_role(empty: Store) -> None:
    only = answered(empty, "study", {}, 0, ASKED, {"floor": " 3", "ensemble": " 2"})
    empty.record_sweep("study", {"sweep": "study", "cells": [only]})
    block = asked(empty, "why").block("otherwise")
    assert block is not None
    told = "1 of 1 answers differ: 1 wrong ones became right, 0 right ones became wrong"
    assert list(block.words) == [f"{role}: {told}" for role in ("ID", "OOD", "validation")]
    assert block.frame["role"].tolist()[-1] == "validation"


def test_a_cell_is_chosen_by_what_it_is(filled: Store) -> None:
    names = offers_of(load(filled, "study")).cells
    first = Library(filled.url).look(["study"])[0].ledger.cells[0]
    assert names[first.id].endswith(f"seed 0 · {first.id}")
    assert "count 1" in names[first.id]


def test_an_empty_token_is_no_token() -> None:
    from flask import Flask

    server = Flask("w2s")
    Guard("").protect(server)
    server.add_url_rule("/", view_func=lambda: "numbers")
    far = server.test_client().get("/", base_url="http://10.0.0.5:8050")
    assert far.status_code == 403


def test_every_cell_begins_with_where_it_stands(filled: Store) -> None:
    block = asked(filled, "health").block("cells")
    assert block is not None
    assert list(block.frame.columns[3:6]) == ["state", "stages done", "stages"]
