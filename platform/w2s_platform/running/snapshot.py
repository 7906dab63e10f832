"""What a run looks like at one moment: plain data, made by the broker, read by displays."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from w2s_platform.stage import StageStatus

Change = Literal["started", "done", "cached", "failed", "retrying", "elsewhere", "stopped"]


@dataclass(frozen=True)
class StageView:
    """One stage, as the run sees it."""

    key: str
    kind: str
    label: str
    status: StageStatus
    seconds: float = 0.0
    """What it took, or has taken so far."""
    progress: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Newest report of the stage: {"step", "steps", "loss"} or {"done", "total"}."""
    attempts: int = 0
    """How often this run launched it."""
    error: str | None = None
    note: str = ""
    """Why it doesn't move, such as another driver that has it."""

    @property
    def fraction(self) -> float | None:
        """How much of the stage is done, between 0 and 1; None where it doesn't say."""
        done = self.progress.get("step", self.progress.get("done"))
        total = self.progress.get("steps", self.progress.get("total"))
        return min(1.0, done / total) if total and done is not None else None


@dataclass(frozen=True)
class CellView:
    """One cell, as the run sees it."""

    id: str
    seed: int
    status: StageStatus
    stages: int
    finished: int
    """Stages that are done or cached."""
    round: int = 0
    """Boosting rounds that are done or cached."""
    rounds: int = 0
    error: str | None = None


@dataclass(frozen=True)
class Event:
    """One change of one stage."""

    number: int
    """Counts up from 1, so that a reader can ask for what is new."""
    at: float
    """Seconds since the run started."""
    change: Change
    stage: StageView


@dataclass(frozen=True)
class Snapshot:
    """The whole run at one moment."""

    sweep: str
    elapsed: float
    """Seconds since the run started."""
    cells: tuple[CellView, ...]
    stages: tuple[StageView, ...]
    events: tuple[Event, ...] = ()
    """Only those after the number that was asked for."""
    busy_seconds: float = 0.0
    """Sum of the seconds that stages of this run took or have taken so far."""

    @property
    def cell_counts(self) -> "Counter[str]":
        """Cells by status."""
        return Counter(cell.status for cell in self.cells)

    @property
    def stage_counts(self) -> "Counter[str]":
        """Stages by status."""
        return Counter(stage.status for stage in self.stages)

    @property
    def running(self) -> tuple[StageView, ...]:
        """Stages at work now, the longest-running first."""
        active = [stage for stage in self.stages if stage.status == "running"]
        return tuple(sorted(active, key=lambda stage: -stage.seconds))
