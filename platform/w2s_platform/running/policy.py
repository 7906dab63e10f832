"""How a run deals with failures, budgets and other drivers."""

from dataclasses import dataclass

HELD = "held"
"""In the outcome of a stage or the report of a trial: not started, a budget is used up."""


@dataclass(frozen=True)
class Policy:
    """Limits of one run; none of them changes a result."""

    retries: int = 3
    """Further attempts of a stage after its machine, not its settings, failed it."""
    backoff: float = 1.0
    """Seconds before the first of them; each further one waits four times as long."""
    poll: float = 1.0
    """Seconds between looks at a stage that another driver runs; grows to five times this."""
    grace: float = 10.0
    """Seconds that a stage gets to stop by itself before it is interrupted."""
    time_budget: float | None = None
    """Seconds after which no stage is started."""
    device_hours: float | None = None
    """Device hours after which no stage is started."""
    retry_failed: bool = False
    """Run again what failed deterministically before."""

    def pause_before(self, attempt: int) -> float:
        """Seconds to wait before the given further attempt, the first being 1."""
        return self.backoff * 4.0 ** (attempt - 1)

    def spent(self, elapsed: float, device_seconds: float) -> str | None:
        """Say which budget is used up, or None.

        Args:
            elapsed: Seconds since the run started.
            device_seconds: Seconds of devices used so far, over all stages.
        """
        if self.time_budget is not None and elapsed >= self.time_budget:
            return f"the time budget of {self.time_budget:g} s is used up"
        if self.device_hours is not None and device_seconds >= self.device_hours * 3600:
            return f"the budget of {self.device_hours:g} device hours is used up"
        return None
