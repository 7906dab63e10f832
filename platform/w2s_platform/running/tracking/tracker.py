"""One tracker: a logger of Ray's, asked to do what may fail without failing the run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from w2s_platform.running.tracking.described import Described, Ending, TrackedRun

Warn = Callable[[str], None]
LONGEST_REASON = 200


class Guard:
    """Runs what may fail, and tells the first failure in one line.

    Args:
        told: What the line says before the reason.
        warn: Gets the line.
        once: Attempt nothing more after a failure: a server that is away answers each call only
            after some seconds, during which Tune waits.
    """

    def __init__(self, told: str, warn: Warn, *, once: bool) -> None:
        self._told, self._warn, self._once = told, warn, once
        self._failed = False

    def __call__(self, action: Callable[[], Any]) -> None:
        """Run the action, unless an earlier failure was the last attempt."""
        if self._failed and self._once:
            return
        try:
            action()
        except Exception as error:  # whatever a tracker raises, the run goes on
            if not self._failed:
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                shown = reason[:LONGEST_REASON] + ("…" if len(reason) > LONGEST_REASON else "")
                self._warn(f"warning: {self._told}: {shown}")
            self._failed = True


class Tracker:
    """Drives one of Ray's loggers.

    Args:
        name: What people call it.
        make: Makes the logger, a `LoggerCallback` that also has `log_ending`.
        place: From a description to the run's local folder, which it makes.
        group: What the runs belong to.
        warn: Gets a line for people.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Any],
        place: Callable[[Described], Path],
        *,
        group: str,
        warn: Warn,
    ) -> None:
        self._make, self._place, self._group = make, place, group
        self._logger: Any = None
        self._guard = Guard(f"nothing more goes to {name} in this run", warn, once=True)
        self._runs: dict[str, TrackedRun] = {}

    def open(self) -> None:
        """Reach the tracker's server, or its files."""
        self._guard(self._open)

    def begin(self, trial: str, described: Described) -> None:
        """Start the run of a trial."""
        self._guard(lambda: self._begin(trial, described))

    def log(self, trial: str, step: int, metrics: Mapping[str, float]) -> None:
        """Show numbers at a step, which is a round."""
        from ray.air.constants import TRAINING_ITERATION

        run = self._runs.get(trial)
        if run is not None and metrics:
            result = {**metrics, TRAINING_ITERATION: step}
            self._guard(lambda: self._logger.log_trial_result(step, run, result))

    def end(self, trial: str, ending: Ending) -> None:
        """End the run of a trial."""
        run = self._runs.pop(trial, None)
        if run is not None:
            self._guard(lambda: self._logger.log_ending(run, ending))

    def close(self) -> None:
        """Wait for what is under way."""
        self._guard(lambda: self._logger.on_experiment_end(trials=[]))

    def _open(self) -> None:
        self._logger = self._make()
        self._logger.setup()

    def _begin(self, trial: str, described: Described) -> None:
        folder = str(self._place(described))
        settings = dict(described.settings)
        run = TrackedRun(trial, described.name, settings, folder, self._group)
        self._logger.log_trial_start(run)
        self._runs[trial] = run
