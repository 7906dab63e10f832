"""Rows with words as numbers: every mean and difference is that of the rows with words."""

import itertools

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from w2s_platform.results.coded import as_codes, as_text
from w2s_platform.results.summary import (
    count_uneven,
    differences,
    summarise,
    varied_columns,
)


def rows(case: bool = False) -> pd.DataFrame:
    """Two settings, one of which not every configuration has; some values and rows are missing."""
    random = np.random.default_rng(0)
    names = ("student", "floor", "ensemble", "single")
    settings = [("b", "x"), ("a", None), ("c", "y")]
    lines = [
        {
            "sweep": "s", "cell": f"{first}{seed}", "seed": seed, "subject": subject,
            "task": f"t-{role}", "role": role, "split": "test", "metric": metric,
            "value": random.random() if random.random() > 0.05 else np.nan,
            "stderr": 0.1, "n": 10, "first": first, "second": second,
            **({"case": f"case {first}"} if case else {}),
        }
        for (first, second), seed in itertools.product(settings, range(3))
        for subject, role in itertools.product(names, ("ood", "id"))
        for metric in ("accuracy", "nll")
        if random.random() > 0.05
    ]  # fmt: skip
    return pd.DataFrame(lines).astype({"n": "Int64"})


@pytest.mark.parametrize("case", [False, True])
def test_text_comes_back_as_it_was(case: bool) -> None:
    frame = rows(case)
    coded = as_codes(frame)
    assert set(map(str, coded.dtypes[["cell", "subject", "second"]])) == {"category"}
    assert_frame_equal(as_text(coded), frame)
    assert as_text(frame) is frame


@pytest.mark.parametrize("by", [None, [], ["second"], ["first", "second"], ["task"]])
@pytest.mark.parametrize("case", [False, True])
def test_means_and_differences_are_the_same(by: list[str] | None, case: bool) -> None:
    frame = rows(case)
    coded = as_codes(frame)
    assert varied_columns(coded) == varied_columns(frame)
    assert_frame_equal(summarise(coded, by), summarise(frame, by))
    assert_frame_equal(differences(coded, by), differences(frame, by))
    assert count_uneven(coded, by) == count_uneven(frame, by)


def test_differences_are_taken_within_a_slice_of_a_cell() -> None:
    frame = rows().dropna(subset=["value"])
    keys = ["cell", "seed", "task", "role", "split"]
    apart = frame[frame["metric"] == "accuracy"].set_index([*keys, "subject"])["value"]
    wide = apart.unstack("subject")
    gaps = (wide["ensemble"] - wide["floor"]).dropna().groupby(["role", "seed"]).mean()
    want = gaps.groupby("role").mean()
    got = differences(frame, [], [("ensemble", "floor")]).set_index("role")
    assert set(got["subject"]) == {"ensemble - floor"}
    for role in ("id", "ood"):
        assert got["mean"][role] == pytest.approx(want[role])
