"""Every kind of stage: the function that does it, and the version of its output.

To add a kind: write its function, name it here, and let `graph/` build stages of it. Raise a
version when a change to the code changes what the stage writes; finished work of the older
version then stays in the store under its own key.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from w2s_platform.stage import Kind

if TYPE_CHECKING:
    from w2s_platform.stages.context import StageContext


class Entry(NamedTuple):
    """Where a kind's function is, imported on first use, and its version."""

    module: str
    function: str
    version: int


REGISTRY: dict[Kind, Entry] = {
    "data": Entry("sources", "run_data", 1),
    "noise": Entry("noise", "run_noise", 1),
    "pretrain": Entry("sources", "run_pretrain", 1),
    "difficulty": Entry("difficulty", "run_difficulty", 1),
    "round": Entry("boosting", "run_round", 1),
    "bag": Entry("boosting", "run_bag", 1),
    "long": Entry("boosting", "run_long", 1),
    "ensemble": Entry("ensembles", "run_ensemble", 1),
    "gate": Entry("gates", "run_gate", 1),
    "labels": Entry("students", "run_labels", 2),
    "student": Entry("students", "run_student", 1),
    "ceiling": Entry("students", "run_student", 1),
    "evaluate": Entry("evaluate", "run_evaluate", 2),
    "prefixes": Entry("prefixes", "run_prefixes", 1),
}


def body(kind: Kind) -> "Callable[[StageContext], None]":
    """The function that does a stage of this kind."""
    entry = REGISTRY[kind]
    return getattr(import_module(f"w2s_platform.stages.{entry.module}"), entry.function)
