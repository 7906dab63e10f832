"""`results --margin`: the equivalence test, its table, and margins that make no sense."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from study_helpers import run

from w2s_platform.cli.inputs import Study
from w2s_platform.cli.main import execute
from w2s_platform.cli.render.equivalence import equivalence_layouts
from w2s_platform.results.equivalence import equivalences, on_par

STUDENT, CEILING = [0.70, 0.73, 0.71, 0.74], [0.71, 0.72, 0.715, 0.735]
KEY = "experts.count"


def row(subject: str, seed: int, value: float, **more: Any) -> dict[str, Any]:
    base = {
        "sweep": "s", "cell": f"c{seed}", "seed": seed, "subject": subject, "task": "add",
        "role": "id", "split": "test", "metric": "accuracy", "value": value, "stderr": 0.01,
        "n": 100, KEY: 2,
    }  # fmt: skip
    return base | more


def measured(**more: Any) -> pd.DataFrame:
    values = {"student": STUDENT, "ceiling": CEILING}
    return pd.DataFrame(
        [
            row(name, seed, value, **more)
            for name in values
            for seed, value in enumerate(values[name])
        ]
    )


def two_one_sided(differences: list[float], margin: float) -> float:
    below = ttest_1samp(differences, -margin, alternative="greater").pvalue
    above = ttest_1samp(differences, margin, alternative="less").pvalue
    return max(below, above)


@pytest.mark.parametrize(("margin", "equivalent"), [(0.02, True), (0.005, False)])
def test_the_p_value_is_that_of_two_one_sided_tests_paired_by_seed(
    margin: float, equivalent: bool
) -> None:
    [found] = equivalences(measured(), margin).to_dict("records")
    gaps = [s - c for s, c in zip(STUDENT, CEILING, strict=True)]
    assert found["subject"] == "student - ceiling"
    assert found["p"] == pytest.approx(two_one_sided(gaps, margin))
    assert (found["p"] < 0.05) == found["equivalent"] == equivalent
    assert found["mean"] == pytest.approx(sum(gaps) / 4)


def test_groups_and_roles_are_tested_apart() -> None:
    far = measured(role="ood", **{KEY: 4})
    far.loc[far["subject"] == "student", "value"] -= 0.3
    found = equivalences(pd.concat([measured(), far]), 0.02).set_index([KEY, "role"])
    assert found["equivalent"].to_dict() == {(2, "id"): True, (4, "ood"): False}


def test_the_table_has_a_line_for_each_difference() -> None:
    [table] = equivalence_layouts(measured(), [KEY], ["accuracy", "nll"], 2)
    assert table.columns == ("count", "accuracy, %", "", "difference",
                             "equivalent within ±2 points", "n")  # fmt: skip
    [line] = table.rows
    assert line.cells == ("2", "student − ceiling", "ID", "+0.0 ±1.5", "yes (p = 0.01)", "4")


def test_the_expert_that_cost_as_much_is_compared_with_the_ensemble() -> None:
    frame = measured().replace({"student": "ensemble", "ceiling": "long"})
    [table] = equivalence_layouts(frame, [], ["accuracy"], 0.5)
    [line] = table.rows
    assert line.cells[0] == "ensemble − long"
    assert line.cells[3].startswith("no (p = 0.")


def test_every_generation_is_compared_with_its_own_ceiling() -> None:
    subjects = ("floor", "student", "single", "student_2", "ceiling_2", "ensemble")
    assert on_par(subjects) == [
        ("student", "ceiling"), ("student_2", "ceiling_2"), ("ensemble", "long"),
    ]  # fmt: skip


def test_one_seed_decides_nothing() -> None:
    one = measured()
    [table] = equivalence_layouts(one[one["seed"] == 0], [], ["accuracy"], 2)
    assert table.rows[0].cells[2:] == ("−1.0", "needs two seeds", "1")


def test_a_metric_that_is_not_in_points_is_not_tested() -> None:
    assert equivalence_layouts(measured(metric="nll"), [], ["nll"], 2) == []


def test_the_command_shows_the_test_below_the_differences(
    finished: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    text = run(capsys, "results", "study.yaml", "--margin", "2")
    assert text.index("ensemble − floor") < text.index("equivalent within ±2 points")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "mean student − ceiling ID −35.0 ±0.0 no (p = 1.00) 2" in lines
    assert "vote student − ceiling ID −25.0 ±0.0 no (p = 1.00) 2" in lines
    without = run(capsys, "results", "study.yaml").splitlines()
    assert set(without) <= set(text.splitlines()), "all else stays"
    latex = run(capsys, "results", "study.yaml", "--margin", "2.5", "--format", "latex")
    assert r"equivalent within $\pm$ 2.5 points" in latex


def test_rows_stay_as_they_are(finished: Study, capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "results", "study.yaml", "--margin", "2", "--format", "csv", status=2)
    assert "--margin goes with the formats table and latex, not with csv" in text
    rows = json.loads(run(capsys, "results", "study.yaml", "--format", "json"))
    assert not any("equivalent" in row for row in rows)


@pytest.mark.parametrize("margin", ["0", "-1", "nan", "inf", "100", "two", ""])
def test_a_margin_that_makes_no_sense_is_one_usage_error(
    margin: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["results", "study.yaml", "--margin", margin]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len([line for line in told if line.startswith("error: ")]) == 1
    assert "is no number of points above 0 and below 100" in told[0]
