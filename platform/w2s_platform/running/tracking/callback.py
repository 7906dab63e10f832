"""Tune's callback: follows trials, and tells every tracker."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ray import tune

from w2s_platform.graph.model import Cell
from w2s_platform.running.searching import OBJECTIVE, ROUND
from w2s_platform.running.tracking import numbers
from w2s_platform.running.tracking.described import CUT_SHORT, Ending, ending_of
from w2s_platform.running.tracking.tracker import Guard, Tracker, Warn
from w2s_platform.running.tracking.trials import Trials

if TYPE_CHECKING:
    from w2s_platform.store import Store

LOOK = 5.0
"""Seconds between looks for finished rounds, at least."""


@dataclass
class _Followed:
    config: Mapping[str, Any]
    cell: Cell | None
    last: dict[str, Any] = field(default_factory=dict[str, Any])
    """The newest report."""
    finished: int = 0
    """Rounds that the store held at the last look."""
    shown: set[int] = field(default_factory=set[int])
    """Rounds that the trackers have got."""


class TrackingCallback(tune.Callback):
    """Sends each trial's rounds, measurements and ending to trackers; never fails a run.

    Args:
        trackers: Who is told.
        trials: What the trials stand for.
        store: Where the numbers are.
        warn: Gets a line for people.
    """

    def __init__(
        self, trackers: Sequence[Tracker], trials: Trials, store: "Store", warn: Warn
    ) -> None:
        self._trackers, self._trials, self._store = trackers, trials, store
        self._guard = Guard("a run's trackers lack some of its numbers", warn, once=False)
        self._open: dict[str, _Followed] = {}
        self._next_look = 0.0
        self._closed = False

    def setup(self, *_: Any, **info: Any) -> None:
        """Reach every tracker."""
        for tracker in self._trackers:
            tracker.open()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Begin a run; a trial that got a new process keeps the one it has."""
        self._guard(lambda: self._begin(trial.trial_id, trial.config))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Show the objective of a search; keep the report for the end."""
        followed = self._open.get(trial.trial_id)
        if followed is None:
            return
        followed.last = dict(result)
        if OBJECTIVE in result:
            self._log(trial.trial_id, result[ROUND], {OBJECTIVE: float(result[OBJECTIVE])})

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """End a run as its trial reported."""
        if followed := self._open.get(trial.trial_id):
            self._end(trial.trial_id, ending_of(followed.last))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """End the run of a trial whose process died for good."""
        if trial.trial_id in self._open:
            self._end(trial.trial_id, Ending("failed", "the trial's process died"))

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Show, now and then, the rounds that have finished."""
        began = time.monotonic()
        if began < self._next_look:
            return
        for trial in self._open:
            self._guard(lambda trial=trial: self._look(trial))
        # Many cells and a slow disk take their time: spend a tenth of Tune's on them.
        self._next_look = began + max(LOOK, 10 * (time.monotonic() - began))

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """See `close`."""
        self.close()

    def close(self) -> None:
        """End the runs that an interrupt left open, and wait for the trackers; once."""
        if self._closed:
            return
        self._closed = True
        for trial in [*self._open]:
            ending = ending_of(self._open[trial].last)
            self._end(trial, ending if ending.status != "stopped" else Ending("stopped", CUT_SHORT))
        for tracker in self._trackers:
            tracker.close()

    def _begin(self, trial: str, config: Mapping[str, Any]) -> None:
        if trial in self._open:
            return
        self._open[trial] = _Followed(config, self._trials.followed(config))
        described = self._trials.describe(config)
        for tracker in self._trackers:
            tracker.begin(trial, described)

    def _look(self, trial: str) -> None:
        """Show the rounds whose error and weight are known by now."""
        followed = self._open[trial]
        if followed.cell is None:
            return
        statuses = self._store.statuses(followed.cell.rounds)
        finished = sum(status == "done" for status in statuses.values())
        if finished > followed.finished:
            followed.finished = finished
            self._show_rounds(trial, followed.cell, whole="round/error")

    def _end(self, trial: str, ending: Ending) -> None:
        self._guard(lambda: self._show_all(trial))
        del self._open[trial]
        for tracker in self._trackers:
            tracker.end(trial, ending)

    def _show_all(self, trial: str) -> None:
        followed = self._open[trial]
        if followed.cell is not None:
            self._show_rounds(trial, followed.cell)
        cells = self._trials.cells(followed.config, followed.last)
        measured = numbers.measurements(self._store, self._trials.sweep, cells)
        self._log(trial, max([1, *(len(cell.rounds) for cell in cells)]), measured)

    def _show_rounds(self, trial: str, cell: Cell, whole: str = "") -> None:
        """Show the rounds that were not shown yet, or those of them that have a metric."""
        followed = self._open[trial]
        found = numbers.rounds(self._store, self._trials.sweep, cell)
        for number, metrics in sorted(found.items()):
            if number not in followed.shown and (not whole or whole in metrics):
                followed.shown.add(number)
                self._log(trial, number, metrics)

    def _log(self, trial: str, step: int, metrics: Mapping[str, float]) -> None:
        for tracker in self._trackers:
            tracker.log(trial, step, metrics)
