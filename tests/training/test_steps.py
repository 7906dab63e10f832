"""Verifiers of steps against answers whose errors are known."""

import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from ensemble_core.errors import StageError
from ensemble_core.nano.families import generate
from ensemble_core.steps import StepSettings, first_error
from ensemble_core.tasks.question import Question

COUNT = StepSettings(separator=";", verify="count")
SUMS = StepSettings(verify="arithmetic")
UP = Question("Q:count abcdi ...## A:", "unread")


def test_a_true_answer_is_right_in_every_step() -> None:
    for made in generate("count-letters", 40, seed=0):
        question = Question(made.prompt, made.answer)
        verdicts = COUNT.judge(question, made.answer)
        assert verdicts == [True] * (made.answer.count(";") + 1)
        assert first_error(verdicts) == len(verdicts) + 1


@pytest.mark.parametrize(
    ("answer", "verdicts", "first"),
    [
        ("abcdi;abcdj;abcea", [1, 1, 1], 4),  # ends too early: the error is the step that lacks
        ("abcdi;abcdj;abceb;abcec", [1, 1, 0, 1], 3),  # a missed carry counts once
        ("abcdi;abcea", [1, 0], 2),  # a skipped step
        ("abcdj;abcea", [0, 1], 1),  # another start
        ("abcjj;abdaa;abdab;abdac", [0, 1, 0, 1], 1),  # the end was missed
        ("abcdi;abcd;abcdj", [1, 0, 0], 2),  # no number, and what follows none
        ("jjjjj;aaaaa", [0, 1], 1),
        ("", [], 1),
    ],
)
def test_each_step_is_judged_given_the_one_before(
    answer: str, verdicts: list[int], first: int
) -> None:
    found = COUNT.judge(UP, answer)
    assert found == [bool(verdict) for verdict in verdicts]
    assert first_error(found) == first


def test_calculations_are_checked_and_prose_is_not() -> None:
    text = (
        "She earns 12/60 = $<<12/60=0.2>>0.2.\nThen she sleeps.\n"
        "In total <<1,000*2=2000>>2000 and <<3+4=8>>8.\n\nTwo <<(10-4)/3=2>>2, <<50%*8=4>>4"
    )
    verdicts = SUMS.judge(Question("?", "#### 1"), text)
    assert verdicts == [True, None, False, True]
    assert first_error(verdicts) == 3
    assert first_error([None, None]) is None
    assert first_error([None, True]) == 3


@pytest.mark.parametrize("formula", ["__import__('os')", "1/0", "2**9**9", "(" * 150, "a", ""])
def test_nothing_but_sums_is_ever_evaluated(formula: str) -> None:
    assert SUMS.judge(Question("?", "#### 1"), f"<<{formula}=1>>") in ([False], [None])


def test_steps_without_a_verifier_of_their_own_are_compared() -> None:
    rule = StepSettings(separator=",", verify="exact")
    question = Question("?", "a, b, c")
    assert rule.judge(question, "a,x,c,d") == [True, False, True, False]


def test_worked_solutions_of_the_field_hold() -> None:
    root = os.environ.get("W2S_DATA_DIR")
    path = Path(root or "data") / "gsm8k" / "test.jsonl"
    if not path.exists():
        pytest.skip("no GSM8K below the data root")
    rows = [json.loads(line) for line in path.read_text().splitlines()[:300]]
    answers = [SUMS.judge(Question(r["question"], r["answer"]), r["answer"]) for r in rows]
    judged = [step for verdicts in answers for step in verdicts if step is not None]
    assert len(judged) > 700
    assert sum(judged) / len(judged) > 0.98


def test_a_verifier_says_what_it_can_not_read() -> None:
    with pytest.raises(StageError, match="no question of the family `count`"):
        COUNT.judge(Question("What is 1+1?", "2"), "2")


def test_an_unknown_verifier_is_named_with_the_nearest() -> None:
    with pytest.raises(ValidationError, match="there is no verifier `counts`"):
        StepSettings(verify="counts")
