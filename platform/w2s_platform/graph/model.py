"""The graph of a sweep: stages by key, and which of them each cell needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from w2s_platform.stage import Stage


@dataclass(frozen=True)
class Measure:
    """One evaluation of a cell: a subject (design: words) on one task slice."""

    subject: str
    role: str
    """How the cell uses the questions: `validation`, `id` or `ood`."""
    task: str
    """The slice as the sweep names it, such as `arc-easy[difficulty=High]`."""
    split: str
    """The card's own split."""
    key: str
    """The `evaluate` stage that holds the numbers."""


@dataclass(frozen=True)
class Cell:
    """One point of a sweep with one seed."""

    id: str
    seed: int
    varied: Mapping[str, Any]
    """Dotted key → value, for the keys that the sweep varies."""
    stages: tuple[str, ...]
    """Keys of every stage that the cell needs, inputs before the stages that read them."""
    measures: tuple[Measure, ...]
    rounds: tuple[str, ...] = ()
    """Keys of the boosting rounds, in order."""
    trial: str = ""
    """Cells that differ in their seed only share it: one configuration."""
    models: Mapping[str, str] = field(default_factory=dict[str, str])
    """Subject → key of the stage that makes the subject's model."""
    stopped: bool = False
    """Whether its trial was stopped early, so that nothing more of it is to be made."""


@dataclass(frozen=True)
class Graph:
    """A sweep, ready to plan or run."""

    sweep: str
    stages: Mapping[str, Stage]
    cells: tuple[Cell, ...]


def closure(stages: Mapping[str, Stage], keys: Iterable[str]) -> tuple[str, ...]:
    """Stages and all that they need, inputs before the stages that read them.

    Args:
        stages: Key → stage.
        keys: The stages that are asked for, in the order that they are to stand in.
    """
    ordered: dict[str, None] = {}

    def visit(key: str) -> None:
        if key not in ordered:
            for needed in stages[key].inputs.values():
                visit(needed)
            ordered[key] = None

    for key in keys:
        visit(key)
    return tuple(ordered)
