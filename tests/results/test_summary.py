"""Means, intervals and paired differences, against numbers worked out by hand."""

import math

import pandas as pd
import pytest

from w2s_platform.results.rows import pgr_rows
from w2s_platform.results.summary import count_uneven, differences, summarise, varied_columns

T_975_DF2 = 4.302652729911275  # Student's t quantile, from a printed table to 4 digits: 4.3027


def row(subject: str, seed: int, value: float, **more: object) -> dict[str, object]:
    base = {
        "sweep": "s", "cell": f"c{seed}", "seed": seed, "subject": subject, "task": "add",
        "role": "id", "split": "test", "metric": "accuracy", "value": value, "stderr": 0.01,
        "n": 100,
    }  # fmt: skip
    return base | more


def frame(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def one(summary: pd.DataFrame, subject: str) -> "pd.Series[float]":
    found = summary[summary["subject"] == subject]
    assert len(found) == 1
    return found.iloc[0]


def test_a_mean_over_seeds_carries_its_t_interval_and_n() -> None:
    values = [0.5, 0.6, 0.8]
    mean = sum(values) / 3
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / 2)
    half = T_975_DF2 * deviation / math.sqrt(3)
    got = one(summarise(frame(*[row("floor", s, v) for s, v in enumerate(values)])), "floor")
    assert got["mean"] == pytest.approx(mean)
    assert (got["low"], got["high"]) == pytest.approx((mean - half, mean + half), rel=1e-6)
    assert got["n"] == 3


def test_one_seed_has_no_interval() -> None:
    got = one(summarise(frame(row("floor", 0, 0.5))), "floor")
    assert got["mean"] == 0.5
    assert got["n"] == 1
    assert math.isnan(got["low"])
    assert math.isnan(got["high"])


def test_a_seed_counts_once_however_many_tasks_it_has() -> None:
    rows = [row("floor", s, v, task=t) for s in (0, 1) for t, v in (("a", 0.2), ("b", 0.4))]
    together = one(summarise(frame(*rows)), "floor")
    assert together["mean"] == pytest.approx(0.3)
    assert together["n"] == 2
    apart = summarise(frame(*rows), by=["task"])
    assert sorted(apart["mean"]) == pytest.approx([0.2, 0.4])


def test_varied_keys_are_kept_apart_unless_told_otherwise() -> None:
    rows = [
        row("ensemble", s, 0.5 + r / 10, **{"experts.rounds": r}) for s in (0, 1) for r in (1, 2)
    ]
    assert set(summarise(frame(*rows))["experts.rounds"]) == {1, 2}
    assert one(summarise(frame(*rows), by=[]), "ensemble")["mean"] == pytest.approx(0.65)


def test_differences_are_paired_by_seed() -> None:
    floor, ensemble = [0.2, 0.5, 0.8], [0.3, 0.6, 0.9]
    rows = [row("floor", s, v) for s, v in enumerate(floor)]
    rows += [row("ensemble", s, v) for s, v in enumerate(ensemble)]
    got = one(differences(frame(*rows)), "ensemble - floor")
    assert got["mean"] == pytest.approx(0.1)
    assert got["high"] - got["low"] == pytest.approx(0, abs=1e-9)  # every pair differs by 0.1


def test_a_seed_without_its_pair_is_left_out_of_the_difference() -> None:
    rows = [row("floor", 0, 0.2), row("floor", 1, 0.2), row("ensemble", 0, 0.3)]
    assert one(differences(frame(*rows)), "ensemble - floor")["n"] == 1


def test_pgr_is_undefined_and_counted_where_the_ceiling_is_not_above_the_floor() -> None:
    good = [row("floor", 0, 0.4), row("student", 0, 0.5), row("ceiling", 0, 0.8)]
    bad = [row("floor", 1, 0.4), row("student", 1, 0.5), row("ceiling", 1, 0.4)]
    rows = [*pgr_rows(good), *pgr_rows(bad)]
    assert [r["value"] for r in rows] == [pytest.approx(0.25), None]
    got = one(summarise(frame(*rows)), "student")
    assert (got["n"], got["undefined"]) == (1, 1)
    assert got["mean"] == pytest.approx(0.25)


def test_a_seed_without_a_pgr_on_one_task_has_none_at_all() -> None:
    accuracies = {
        (0, "easy"): (0.4, 0.5, 0.8), (0, "hard"): (0.1, 0.2, 0.3),
        (1, "easy"): (0.4, 0.6, 0.8), (1, "hard"): (0.1, 0.2, 0.1),
    }  # fmt: skip
    rows = [
        row(subject, seed, value, task=task)
        for (seed, task), values in accuracies.items()
        for subject, value in zip(("floor", "student", "ceiling"), values, strict=True)
    ]
    each = [list(pgr_rows([r for r in rows if r["seed"] == seed])) for seed in (0, 1)]
    got = one(summarise(frame(*each[0], *each[1])), "student")
    assert (got["n"], got["undefined"]) == (1, 1)
    assert got["mean"] == pytest.approx((0.25 + 0.5) / 2), "seed 0 alone"
    apart = summarise(frame(*each[0], *each[1]), by=["task"]).set_index("task")
    assert apart["mean"].to_dict() == pytest.approx({"easy": (0.25 + 0.5) / 2, "hard": 0.5})


def test_slices_that_differ_in_their_split_only_have_a_pgr_each() -> None:
    accuracies = {"dev": (0.4, 0.5, 0.8), "test": (0.0, 0.5, 1.0)}
    rows = [
        row(subject, 0, value, split=split)
        for split, values in accuracies.items()
        for subject, value in zip(("floor", "student", "ceiling"), values, strict=True)
    ]
    found = {made["split"]: made["value"] for made in pgr_rows(rows)}
    assert found == pytest.approx({"dev": 0.25, "test": 0.5})


def test_means_over_different_slices_are_counted() -> None:
    whole = [row(name, seed, 0.5, task=task) for name in ("floor", "student")
             for seed in (0, 1) for task in ("easy", "hard")]  # fmt: skip
    assert count_uneven(frame(*whole)) == 0
    half = frame(*whole[:-1])
    assert count_uneven(half) == 1, "seed 1 of the student lacks the hard task"
    assert count_uneven(half, by=["task"]) == 0, "each mean is over one slice"
    grown = [one | {"experts.rounds": 2} for one in whole]
    assert count_uneven(frame(*grown, *(one | {"experts.rounds": 4} for one in whole[:2]))) == 0
    assert count_uneven(frame(*grown, grown[0] | {"experts.rounds": 4}), by=[]) == 1


def test_pgr_of_choice_tasks_is_made_of_choice_accuracy() -> None:
    values = {"floor": 0.4, "student": 0.6, "ceiling": 0.8}
    rows = [row(subject, 0, value, metric="choice_accuracy") for subject, value in values.items()]
    labels = row("floor", 0, 0.3, role="transfer")  # labels are always compared as written
    assert [r["value"] for r in pgr_rows([labels, *rows])] == [pytest.approx(0.5)]


def test_a_later_student_has_the_ceiling_of_its_own_generation() -> None:
    values = {"floor": 0.2, "student": 0.3, "ceiling": 0.6, "student_2": 0.5, "ceiling_2": 0.8}
    found = {r["subject"]: r["value"] for r in pgr_rows([row(s, 0, v) for s, v in values.items()])}
    assert found == pytest.approx({"student": 0.1 / 0.4, "student_2": 0.3 / 0.6})
    assert not list(pgr_rows([row(s, 0, values[s]) for s in ("floor", "ceiling", "student_2")]))


def test_each_later_student_is_compared_with_its_teacher() -> None:
    values = {"student": 0.3, "student_2": 0.5, "student_3": 0.4, "ceiling_2": 0.9}
    gaps = differences(frame(*[row(s, seed, v) for s, v in values.items() for seed in (0, 1)]))
    assert list(gaps["subject"]) == ["student_2 - student", "student_3 - student_2"]
    assert list(gaps["mean"]) == pytest.approx([0.2, -0.1])


def test_the_public_loader_is_the_function() -> None:
    from w2s_platform import results
    from w2s_platform.results.rows import load

    assert results.load is load


def test_the_name_of_a_case_stands_for_the_keys_that_it_decides() -> None:
    cases = {"a": (1, "x"), "b": (2, "x")}
    rows = [
        row("floor", 0, 0.5, case=case, rounds=rounds, unit=unit, count=count)
        for case, (rounds, unit) in cases.items()
        for count in (1, 2)
    ]
    assert varied_columns(frame(*rows)) == ["case", "count"]
    assert varied_columns(frame(*rows).drop(columns="case")) == ["rounds", "unit", "count"]
