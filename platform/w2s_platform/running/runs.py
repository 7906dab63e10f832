"""One stage inside a run: who waits for it, and how far it is."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from w2s_platform.running.needs import Needs, needs_of
from w2s_platform.running.snapshot import StageView
from w2s_platform.stage import Stage, StageStatus
from w2s_platform.stages.runtime import Outcome

State = Literal[
    "to_run", "queued", "running", "elsewhere", "retrying", "done", "cached", "failed", "stopped"
]
_SHOWN: dict[State, StageStatus] = {
    "queued": "to_run",
    "retrying": "to_run",
    "stopped": "to_run",
    "elsewhere": "running",
}


@dataclass
class StageRun:
    """The state of one stage; only the broker changes it."""

    stage: Stage
    needs: Needs
    state: State = "to_run"
    requesters: set[str] = field(default_factory=set[str])
    task: "asyncio.Task[Outcome] | None" = None
    launched: bool = False
    """A Ray task was submitted and has not ended."""
    stopping: bool = False
    """Nobody waits for it any more."""
    attempts: int = 0
    started: float | None = None
    """Monotonic time at which the present attempt began to work."""
    spent: float = 0.0
    """Seconds that earlier attempts took."""
    error: str | None = None
    note: str = ""
    progress: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, stage: Stage) -> "StageRun":
        """A stage that nobody has asked for."""
        return cls(stage, needs_of(stage))

    @property
    def finished(self) -> bool:
        """Whether its artifact is there."""
        return self.state in ("done", "cached")

    @property
    def active(self) -> bool:
        """Whether something happens to it, or will."""
        return self.task is not None and not self.task.done()

    @property
    def seconds(self) -> float:
        """What it has taken so far, over all attempts."""
        return self.spent + (time.monotonic() - self.started if self.started is not None else 0.0)

    def end_attempt(self, seconds: float | None = None) -> float:
        """Stop the clock.

        Args:
            seconds: What the worker measured; default: our own clock.

        Returns:
            The seconds of this attempt.
        """
        ours = time.monotonic() - self.started if self.started is not None else 0.0
        taken = seconds or ours
        self.spent += taken
        self.started = None
        return taken

    def view(self) -> StageView:
        """What displays see."""
        shown: Any = _SHOWN.get(self.state, self.state)
        return StageView(
            key=self.stage.key,
            kind=self.stage.kind,
            label=self.stage.label or self.stage.kind,
            status=shown,
            seconds=self.seconds,
            progress=self.progress,
            attempts=self.attempts,
            error=self.error,
            note=self.note,
        )
