"""The frames behind the questions: the numbers of `w2s results`, and hand-made ones."""

import io
import math
import re

import numpy as np
import pandas as pd
import pytest
from asking import asked
from ledgers import LEVELS, jitter

from dashboards.data import mattered, tasks, worked
from dashboards.data.library import Library
from dashboards.data.scope import NOTHING, scope_of
from dashboards.questions.catalogue import QUESTIONS, answer
from dashboards.selection import Selection
from dashboards.text import difference_words, verdict
from w2s_platform.cli.render.layout import Layout
from w2s_platform.cli.render.results import result_layouts
from w2s_platform.results import load
from w2s_platform.results.summary import differences, summarise
from w2s_platform.store import Store

NAN = float("nan")


def row(**more: object) -> dict[str, object]:
    base = {
        "sweep": "s", "cell": "c0", "seed": 0, "subject": "student", "task": "add", "role": "ood",
        "split": "test", "metric": "accuracy", "value": 0.5, "stderr": 0.01, "n": 100,
    }  # fmt: skip
    return base | more


def test_the_first_page_has_exactly_the_numbers_of_results(filled: Store) -> None:
    shown = asked(filled, "worked", by=("experts.count",))
    frame = load(filled, "study")
    of_results = {
        "levels": summarise(frame[frame["metric"] == "accuracy"], ["experts.count"]),
        "pgr": summarise(frame[frame["metric"] == "pgr"], ["experts.count"]),
        "gains": differences(frame, ["experts.count"], metrics=("accuracy",)),
    }
    keys = ["experts.count", "role", "metric", "subject"]
    for name, wanted in of_results.items():
        block = shown.block(name)
        assert block is not None
        got = block.frame.drop(columns="group").sort_values(keys).reset_index(drop=True)
        pd.testing.assert_frame_equal(got, wanted.sort_values(keys).reset_index(drop=True))


def test_texts_are_those_of_the_table_in_a_terminal(filled: Store) -> None:
    shown, frame = asked(filled, "worked", by=(NOTHING,)), load(filled, "study")
    gaps = differences(frame, [], metrics=("accuracy",))
    (table,) = result_layouts(summarise(frame, []), gaps, sweep="study", metric="accuracy")
    assert isinstance(table, Layout)
    printed = {line.cells[0]: line.cells[1:3] for line in table.rows}
    for name in ("levels", "gains"):
        block = shown.block(name)
        assert block is not None
        for line in block.shown.to_dict("records"):
            assert (line["ID"], line["OOD"]) == printed[line["subject"]]


def test_the_lead_says_in_words_what_was_gained(filled: Store) -> None:
    rows = load(filled, "study")
    values = rows[(rows["metric"] == "accuracy") & (rows["role"] == "id")]
    seeds = values.pivot_table(index="seed", columns="subject", values="value", aggfunc="mean")
    gaps = (seeds["ensemble"] - seeds["floor"]).to_numpy() * 100
    half = 2.7764451 * gaps.std(ddof=1) / math.sqrt(5)  # Student's t, 4 degrees of freedom
    said = (
        "The ensemble does better than the first expert alone on ID questions: "
        f"+{gaps.mean():.1f} points, 95 % interval {gaps.mean() - half:.1f} to "
        f"{gaps.mean() + half:.1f}, 5 seeds."
    )
    assert said in asked(filled, "worked", by=(NOTHING,)).lead


def test_a_few_configurations_are_kept_apart_unless_asked_otherwise(empty: Store) -> None:
    from ledgers import cell, write_sweep

    cells = [cell("study", {"experts.count": n}, s) for n in (1, 2) for s in (0, 1)]
    write_sweep(empty, "study", cells)
    apart, together = asked(empty, "worked"), asked(empty, "worked", by=(NOTHING,))
    levels = apart.block("levels"), together.block("levels")
    assert [block.frame["group"].nunique() for block in levels if block] == [2, 1]
    assert "alone on ID questions: +" in together.lead[1]
    assert "alone on ID questions, 2 groups: better in " in apart.lead[0]
    gains = apart.block("gains")
    assert gains is not None
    mine = gains.frame[
        (gains.frame["subject"] == "ensemble - floor") & (gains.frame["role"] == "id")
    ]
    told = [int(n) for n in re.findall(r" in (\d+)", apart.lead[0])]
    assert told == [sum(mine["low"] > 0), sum(mine["high"] < 0), 2 - told[0] - told[1]]


def test_a_figure_says_what_it_averages_over(empty: Store) -> None:
    from ledgers import cell, write_sweep

    keys = [{"experts.count": n, "learning_rate": r} for n in (1, 2) for r in (0.0, 0.1)]
    write_sweep(empty, "study", [cell("study", varied, s) for varied in keys for s in (0, 1)])
    found = asked(empty, "mattered", x="experts.count")
    curve, first = found.block("curve"), asked(empty, "worked").block("levels")
    assert curve
    assert first
    assert "averaged within each seed over learning_rate" in curve.notes
    assert not [note for note in first.notes if note.startswith("averaged")]


def test_differences_in_words() -> None:
    words = difference_words(0.021, 0.009, 0.033, 8, "accuracy")
    assert words == "+2.1 points, 95 % interval 0.9 to 3.3, 8 seeds"
    assert difference_words(-0.021, NAN, NAN, 1, "accuracy") == "−2.1 points, 1 seed: no interval"
    assert difference_words(NAN, NAN, NAN, 0, "nll") == "no seed has both values"
    assert verdict(0.1, 0.2, "accuracy") == "better"
    assert verdict(0.1, 0.2, "nll") == "worse"
    assert verdict(-0.1, 0.2, "nll") == verdict(NAN, NAN, "nll") == "not clear"


def test_an_undefined_pgr_is_counted_not_dropped() -> None:
    rows = pd.DataFrame(
        [row(seed=s, cell=f"c{s}", metric="pgr", value=v) for s, v in enumerate((0.4, NAN, 0.6))]
    )
    (line,) = worked.levels(rows, []).to_dict("records")
    assert (line["n"], line["undefined"]) == (2, 1)
    assert line["mean"] == pytest.approx(0.5)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("sweep", ["study", "part", "nasty"])
def test_every_question_has_an_answer(filled: Store, question: str, sweep: str) -> None:
    found = asked(filled, question, sweep)
    names = [block.name for block in found.blocks]
    assert len(names) == len(set(names))
    assert found.blocks or found.lead
    for block in found.blocks:
        assert block.figure is None or block.figure.to_json()


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_sweep_without_any_result_has_answers_too(empty: Store, question: str) -> None:
    from ledgers import grid, write_sweep

    write_sweep(empty, "study", grid("study", 10), finished=0)
    found = asked(empty, question)
    assert found.blocks or found.lead


def test_a_setting_that_does_not_apply_has_a_place_of_its_own() -> None:
    rows = pd.DataFrame(
        [row(cell=f"c{n}", seed=n % 2, value=0.1 * n, **{"experts.window": w})
         for n, w in enumerate((4, 4, 8, 8, None, None))]
    )  # fmt: skip
    frame = mattered.curve(rows, "experts.window")
    assert frame["experts.window"].tolist() == ["4", "8", "n/a"]
    assert frame["mean"].tolist() == pytest.approx([0.05, 0.25, 0.45])
    every = mattered.configurations(rows, "accuracy", "student", "ood")
    assert len(every) == 3
    assert every["seeds"].tolist() == [2, 2, 2]


def test_configurations_without_a_result_are_kept() -> None:
    rows = pd.DataFrame([row(k=1), row(cell="c1", subject="floor", k=2)])
    frame = mattered.configurations(rows, "accuracy", "student", "ood")
    assert frame["k"].tolist() == [1, 2]
    assert frame["seeds"].tolist() == [1, 0]
    assert np.isnan(frame["value"][1])


def test_importance_finds_the_setting_that_matters() -> None:
    frame = pd.DataFrame(
        [
            {"big": b, "small": s, "sometimes": x, "value": b + 0.01 * jitter(b, s, x), "seeds": 3}
            for b in (0.1, 0.2, 0.3, 0.4)
            for s in ("mean", "vote")
            for x in (1, None)
        ]
    )
    found = mattered.importance(frame, ["big", "small", "sometimes"])
    assert found is not None
    assert found.frame["setting"][0] == "big"
    assert found.frame["importance"][0] > 0.9
    assert found.left_out == ("sometimes",)
    assert found.used == 16


def test_prefixes_become_a_curve_over_the_number_of_experts() -> None:
    subjects = {
        "ensemble_1": 0.4,
        "ensemble_2": 0.5,
        "expert_1": 0.4,
        "expert_2": 0.3,
        "floor": 0.4,
    }
    rows = pd.DataFrame(
        [
            row(subject=s, cell=f"c{n}", seed=n, value=v + 0.1 * n)
            for s, v in subjects.items()
            for n in (0, 1)
        ]
    )
    frame = mattered.prefixes(rows)
    lines = [tuple(line) for line in frame[["subject", "experts", "mean"]].to_numpy()]
    assert lines == [
        ("ensemble", 1, pytest.approx(0.45)), ("ensemble", 2, pytest.approx(0.55)),
        ("expert alone", 1, pytest.approx(0.45)), ("expert alone", 2, pytest.approx(0.35)),
    ]  # fmt: skip


def test_bins_are_pooled_by_their_numbers() -> None:
    base = {"role": "id", "subject": "floor", "low": 0.5, "cell": "c"}
    bins = pd.DataFrame(
        [base | {"n": 30, "confidence": 0.5, "accuracy": 0.4},
         base | {"n": 10, "confidence": 0.6, "accuracy": 0.8}]
    )  # fmt: skip
    (line,) = tasks.reliability(bins).to_dict("records")
    assert line["n"] == 40
    assert line["confidence"] == pytest.approx(0.525)
    assert line["accuracy"] == pytest.approx(0.5)


def test_positions_count_tokens_within_each_answer() -> None:
    outcome = {"cell": "c", "seed": 0, "subject": "floor", "task": "t", "role": "id", "split": "x"}
    outcomes = pd.DataFrame(
        [
            outcome | {"token_correct": [True, False]},
            outcome | {"token_correct": [True, True, True]},
        ]
    )
    frame = tasks.by_position(outcomes)
    assert frame["position"].tolist() == [1, 2, 3]
    assert frame["mean"].tolist() == [1.0, 0.5, 1.0]


def test_long_answers_are_told_in_bins_that_double() -> None:
    outcome = {"cell": "c", "seed": 0, "subject": "floor", "task": "t", "role": "id", "split": "x"}
    right = [True] * 70 + [False] * 10
    frame = tasks.by_position(pd.DataFrame([outcome | {"token_correct": right}]))
    assert frame["position"].tolist() == [1, 9, 17, 33, 65]
    assert frame["last"].tolist() == [8, 16, 32, 64, 128]
    assert frame["tokens"].tolist() == [8, 8, 16, 32, 16]
    assert frame["mean"].tolist() == [1.0, 1.0, 1.0, 1.0, 6 / 16]


def test_sweeps_side_by_side_are_groups_of_their_own(filled: Store) -> None:
    library = Library(filled.url)
    data = library.look(["study", "part"])
    found = answer("worked", scope_of(data, Selection(sweeps=("study", "part"))), library.stored)
    block = found.block("levels")
    assert block is not None
    assert set(block.frame["sweep"]) == {"study", "part"}
    alone = asked(filled, "worked", by=(NOTHING,)).block("levels")
    assert alone is not None
    mine = block.frame[block.frame["sweep"] == "study"]["mean"].tolist()
    assert mine == pytest.approx(alone.frame["mean"].tolist())


def test_every_measurement_can_be_had(filled: Store) -> None:
    block = asked(filled, "numbers", where={"subject": ("floor",)}).block("rows")
    assert block is not None
    rows = load(filled, "study")
    kept = rows[rows["subject"] == "floor"].reset_index(drop=True)
    pd.testing.assert_frame_equal(block.frame.reset_index(drop=True), kept)
    assert len(LEVELS) * len(kept) > 0
    assert pd.read_csv(io.StringIO(block.frame.to_csv(index=False))).shape == kept.shape
