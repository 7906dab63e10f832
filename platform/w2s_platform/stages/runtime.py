"""What a stage gets from where it runs; nothing here decides a result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ensemble_core.errors import StageError

if TYPE_CHECKING:
    from w2s_platform.stages.training import Trained, TrainJob
    from w2s_platform.store import GitState


def _never() -> bool:
    return False


def _ignore(_: Mapping[str, Any]) -> None:
    return None


@dataclass(frozen=True)
class Runtime:
    """Where and how a stage runs.

    `launch` spreads one training over several workers and returns what one worker would have;
    without it the training runs in this process.
    """

    data_root: str | None = None
    device: str = "cpu"
    threads: int | None = None
    devices: float = 1.0
    """Devices that the stage holds, over all its workers; for its cost."""
    git: "GitState | None" = None
    """The driver's code, for the provenance: a worker's own directory is another one."""
    launch: "Callable[[TrainJob, Runtime], Trained] | None" = None
    on_progress: Callable[[Mapping[str, Any]], None] = _ignore
    """Called with {"step", "steps", "loss"} or {"done", "total"} now and then."""
    should_stop: Callable[[], bool] = _never


@dataclass(frozen=True)
class Outcome:
    """How one call of `run_stage` ended."""

    key: str
    status: Literal["done", "cached", "busy", "failed"]
    """`busy`: another owner holds a lease that it needs; ask again when that is gone."""
    seconds: float = 0.0
    error: str | None = None
    deterministic: bool = False
    """The failure would come again with the same inputs."""
    process_broken: bool = False
    """The failure took the process's GPU along: nothing else should run there."""
    waits_for: str | None = None
    """Where `busy`, the key whose lease is held: the stage's own, or its content key."""
    summary: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def raise_for_failure(self) -> None:
        """Raise what failed.

        Raises:
            StageError: The stage failed.
        """
        if self.status == "failed":
            raise StageError(self.error or "the stage failed", where=self.key[:12])
