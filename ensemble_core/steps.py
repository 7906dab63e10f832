"""Answers that are steps: which of them follow from what was written before, by named verifiers.

A verifier judges each step given the question and the steps that the model itself wrote before, so
that one error counts once. A lab adds one: a function here, and its name in `VERIFIERS`.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final

from pydantic import Field, field_validator

from ensemble_core.documents import LocatedError, did_you_mean
from ensemble_core.errors import StageError
from ensemble_core.nano.families.counting import ends_at, parse_prompt, successor
from ensemble_core.settings import Settings
from ensemble_core.tasks.question import Question

Verdicts = list[bool | None]
"""For each step whether it is right; None for one that claims nothing that can be checked."""
Verifier = Callable[[Question, Sequence[str], Sequence[str]], Verdicts]
"""A question, the steps of an answer to it, and those of its true answer → verdicts."""

_CALCULATION = re.compile(r"<<([^<>=]+)=([^<>=]+)>>")
_LONGEST = 200
_TOLERANCE = 0.01
"""Results are written rounded to cents."""
_OPERATORS: Final[Mapping[type[ast.AST], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def count(question: Question, steps: Sequence[str], truth: Sequence[str]) -> Verdicts:
    """Steps of the nano family `count`: the start, then each time the next, none after the end.

    What follows a step that is no number is wrong too: nothing says what was due.

    Raises:
        ValueError: The prompt is no question of that family.
    """
    start, pattern, alphabet = parse_prompt(question.prompt)
    due = [start, *(_next(step, pattern, alphabet) for step in steps[:-1])]
    return [step == wanted for step, wanted in zip(steps, due, strict=False)]


def arithmetic(question: Question, steps: Sequence[str], truth: Sequence[str]) -> Verdicts:
    """Steps with calculations such as `<<48/2=24>>` (GSM8K): all that a step has must hold."""
    return [_all_hold(_CALCULATION.findall(step)) for step in steps]


def exact(question: Question, steps: Sequence[str], truth: Sequence[str]) -> Verdicts:
    """Steps that can only be compared: right where the true answer has the same in its place."""
    return [place < len(truth) and step == truth[place] for place, step in enumerate(steps)]


def _next(step: str, pattern: str, alphabet: str) -> str | None:
    """What has to follow a step; None after the last one, and after what is no step."""
    return None if ends_at(step, pattern, alphabet) else successor(step, alphabet)


VERIFIERS: Final[Mapping[str, Verifier]] = {
    "count": count,
    "arithmetic": arithmetic,
    "exact": exact,
}


class StepSettings(Settings, frozen=True):
    """That a task's answers are steps, and how one is judged."""

    separator: Annotated[str, Field(min_length=1)] = "\n"
    """What stands between two steps; blank ones are none."""
    verify: str
    """Who judges a step: `count` (the nano family), `arithmetic` (calculations such as
    `<<48/2=24>>`) or `exact` (the true answer has the same step in its place)."""

    @field_validator("verify")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in VERIFIERS:
            hint = did_you_mean(value, list(VERIFIERS))
            raise LocatedError(f"there is no verifier `{value}`", hint=hint)
        return value

    def split(self, text: str) -> list[str]:
        """The steps of an answer."""
        return [step.strip() for step in text.split(self.separator) if step.strip()]

    def judge(self, question: Question, text: str) -> Verdicts:
        """For each step of a written answer whether it is right.

        Raises:
            StageError: The verifier can't read the question.
        """
        try:
            return VERIFIERS[self.verify](question, self.split(text), self.split(question.answer))
        except ValueError as error:
            hint = "the task card names another verifier in `steps`"
            raise StageError(str(error), where=f"question {question.id}", hint=hint) from None


def first_error(verdicts: Sequence[bool | None]) -> int | None:
    """The place of the first wrong step, from 1; without one, the place after the last step.

    An answer that ends too early has its error where the next step was due, and a flawless one
    counts as long as it is: the number is how far an answer was right, plus 1. None where no step
    of several could be judged.
    """
    if verdicts and all(verdict is None for verdict in verdicts):
        return None
    wrong = (place for place, verdict in enumerate(verdicts, 1) if verdict is False)
    return next(wrong, len(verdicts) + 1)


def _all_hold(calculations: Sequence[tuple[str, str]]) -> bool | None:
    return all(_holds(*calculation) for calculation in calculations) if calculations else None


def _holds(formula: str, result: str) -> bool:
    left, right = _value(formula), _value(result)
    return left is not None and right is not None and math.isclose(
        left, right, rel_tol=_TOLERANCE / 10, abs_tol=_TOLERANCE
    )  # fmt: skip


def _value(text: str) -> float | None:
    """The value of a sum of numbers, or None for anything else."""
    plain = re.sub(r"[$,]", "", text).replace("%", "/100").strip()
    try:
        return _evaluate(ast.parse(plain, mode="eval").body) if len(plain) <= _LONGEST else None
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None


def _evaluate(node: ast.expr) -> float:
    """What the four operations make of numbers; nothing else is ever run."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)  # pyright: ignore[reportArgumentType]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_evaluate(node.left), _evaluate(node.right))
    raise ValueError("no sum")
