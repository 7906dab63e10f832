"""The questions in the order in which they are asked, imported when they are."""

import importlib
from collections.abc import Callable
from typing import cast

from dashboards.blocks import Answer
from dashboards.data.scope import Scope
from dashboards.data.stored import Stored

QUESTIONS = {
    "worked": "Did it work?",
    "mattered": "What mattered?",
    "tasks": "Which tasks?",
    "why": "Why?",
    "cost": "What did it cost?",
    "health": "Is it healthy?",
    "numbers": "Give me the numbers",
}
"""Name, which is the module's too → the question."""


def answer(name: str, scope: Scope, stored: Stored) -> Answer:
    """The answer to one question; to the first where there is none of this name.

    Args:
        name: One of `QUESTIONS`.
        scope: What is shown of the chosen sweeps.
        stored: Where they ran, for what result rows do not tell.
    """
    known = name if name in QUESTIONS else next(iter(QUESTIONS))
    module = importlib.import_module(f"dashboards.questions.{known}")
    return cast("Callable[[Scope, Stored], Answer]", module.answer)(scope, stored)
