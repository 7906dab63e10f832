"""What a setting changes: each configuration against a named one, by hand."""

import math

import pandas as pd
import pytest

from ensemble_core.errors import InputError
from w2s_platform.results.contrasts import contrasts

UNIT, WINDOW = "experts.unit", "experts.window"
VALUES = {
    ("token", None): (0.5, 0.6, 0.8),
    ("window", 3.0): (0.6, 0.6, 0.7),
    ("sample", None): (0.4,),
}


def rows(values: dict[tuple[str, float | None], tuple[float, ...]] = VALUES) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"sweep": "s", "cell": f"{unit}{seed}", "seed": seed, "subject": "ensemble",
             "task": task, "role": "id", "split": "test", "metric": "accuracy",
             "value": value + shift, "stderr": 0.01, "n": 100, UNIT: unit, WINDOW: window}
            for (unit, window), seeds in values.items()
            for seed, value in enumerate(seeds)
            for task, shift in (("easy", 0.1), ("hard", -0.1))
        ]
    )  # fmt: skip


def test_the_difference_to_the_reference_is_paired_by_seed() -> None:
    found = contrasts(rows(), [UNIT, WINDOW], {UNIT: "token"})
    window = found[found[UNIT] == "window"].iloc[0]
    gaps = [0.1, 0.0, -0.1]  # over tasks of one role, a seed counts once
    half = 4.302652729911275 * 0.1 / math.sqrt(3)
    assert window["mean"] == pytest.approx(sum(gaps) / 3)
    assert (window["low"], window["high"]) == pytest.approx((-half, half))
    assert (window["n"], window["subject"], window["metric"]) == (3, "ensemble", "accuracy")
    assert "token" not in set(found[UNIT])


def test_a_seed_that_the_reference_lacks_is_counted_as_undefined() -> None:
    found = contrasts(rows(), [UNIT, WINDOW], {UNIT: "sample"})
    assert set(found["n"]) == {1}
    assert set(found["undefined"]) == {2}


def test_a_reference_that_does_not_occur_is_an_error_with_the_values_that_do() -> None:
    with pytest.raises(InputError, match="none of the configurations") as e:
        contrasts(rows(), [UNIT, WINDOW], {UNIT: "tokn"})
    assert "did you mean `token`" in str(e.value)


def test_where_several_have_the_value_each_is_compared_with_its_like() -> None:
    values = {("token", 2.0): (0.5, 0.6), ("token", 4.0): (0.7, 0.7),
              ("sample", 2.0): (0.4, 0.5), ("sample", 4.0): (0.4, 0.4)}  # fmt: skip
    found = contrasts(rows(values), [UNIT, WINDOW], {UNIT: "token"}).set_index(WINDOW)
    assert found["mean"].to_dict() == pytest.approx({2.0: -0.1, 4.0: -0.3})


def test_a_column_that_tells_nothing_apart_is_an_error() -> None:
    with pytest.raises(InputError, match="`task` tells no configurations apart here"):
        contrasts(rows(), [UNIT, WINDOW], {"task": "easy"})
