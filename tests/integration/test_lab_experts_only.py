"""A study of experts alone: no strong model, no labels, nothing of them in the results."""

import pytest
from lab_user import User, one_message
from laboratory import SWEEP, Lab

pytestmark = pytest.mark.slow

STUDENT = SWEEP[SWEEP.index("student:") : SWEEP.index("evaluation:")]
ALONE = (
    SWEEP.replace(STUDENT, "")
    .replace("sweep: tiny", "sweep: alone")
    .replace("rounds: 3", "rounds: 2")
)
OF_EXPERTS = {"weak_base", "floor", "bagging", "ensemble"}


def test_without_a_student_nothing_strong_is_made_or_shown(
    lab: Lab, user: User, ray_session: None
) -> None:
    sweep = lab.sweep(ALONE, "alone.yaml")
    answer = user.here("run", sweep)
    assert answer.status == 0, answer.err
    made = {manifest.kind for manifest in user.manifests().values()}
    assert not made & {"labels", "student", "ceiling"}
    rows = user.rows(sweep)
    assert {row["subject"] for row in rows} == OF_EXPERTS
    assert {row["role"] for row in rows} == {"validation", "id", "ood"}
    assert "pgr" not in {row["metric"] for row in rows}
    table = user.here("results", sweep).out
    named = {line.split()[0] for line in table.splitlines() if line.strip()}
    assert named >= OF_EXPERTS
    assert not named & {"strong_base", "student", "single", "ceiling", "PGR,"}


def test_experts_alone_are_those_of_the_study_with_a_student(lab: Lab, user: User) -> None:
    """Both name the same stages, so that a student can be added to a finished study."""
    alone = lab.sweep(ALONE, "alone.yaml")
    whole = lab.sweep(ALONE.replace("evaluation:", STUDENT + "evaluation:"), "whole.yaml")
    some, all_of = (
        {stage["key"] for stage in user.here("plan", file, "--json").json["stages"]}
        for file in (alone, whole)
    )
    assert some < all_of


def test_a_baseline_of_the_student_needs_one(lab: Lab, user: User) -> None:
    text = ALONE + "baselines: [floor, single]\n"
    said = one_message(user.here("validate", lab.sweep(text, "single.yaml")))
    line = text.splitlines().index("baselines: [floor, single]") + 1
    assert f"single.yaml:{line}:20: baselines[1]: `single` needs a student" in said
    assert "error: 1 problem" in said
