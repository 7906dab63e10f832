"""What a run did."""

from collections import Counter
from dataclasses import dataclass

from w2s_platform.running.snapshot import CellView, Snapshot, StageView


@dataclass(frozen=True)
class RunReport:
    """How a run ended."""

    sweep: str
    cells: tuple[CellView, ...]
    stages: tuple[StageView, ...]
    seconds: float
    """Wall time, the start of Ray included."""

    @classmethod
    def of(cls, snapshot: Snapshot, seconds: float) -> "RunReport":
        """The report of a run's last snapshot."""
        return cls(snapshot.sweep, snapshot.cells, snapshot.stages, seconds)

    @property
    def executed(self) -> tuple[StageView, ...]:
        """Stages that this run did itself."""
        return tuple(stage for stage in self.stages if stage.status == "done")

    @property
    def failed_cells(self) -> tuple[CellView, ...]:
        """Cells that lack something because a stage failed."""
        return tuple(cell for cell in self.cells if cell.status == "failed")

    @property
    def unfinished_cells(self) -> tuple[CellView, ...]:
        """Cells that are neither complete nor failed: a budget or an interrupt ended the run."""
        return tuple(c for c in self.cells if c.status not in ("done", "cached", "failed"))

    @property
    def stage_counts(self) -> "Counter[str]":
        """Stages by status; `done` in this run, `cached` before it."""
        return Counter(stage.status for stage in self.stages)

    @property
    def exit_status(self) -> int:
        """0 where every cell is complete, else 1."""
        return 0 if not (self.failed_cells or self.unfinished_cells) else 1
