"""Ray Tune's OptunaSearch, for trials that report round by round.

Optuna learns of every round; a trial that the scheduler stopped is `PRUNED`, one that failed or
has no objective is `FAIL`, so that only configurations that finished can be the best one.
"""

from collections.abc import Mapping
from typing import Any

from ray.tune.search.optuna import OptunaSearch

from w2s_platform.running.policy import HELD
from w2s_platform.running.searching import FAILED, OBJECTIVE, ROUND, UNDEFINED
from w2s_platform.running.space import Space
from w2s_platform.running.study import CELLS, ERROR, STEPS, put_back


class RoundSearch(OptunaSearch):
    """Draws configurations from a study that outlives this run."""

    def __init__(self, space: Space, mode: str, **study: Any) -> None:
        super().__init__(space=space, metric=OBJECTIVE, mode=mode, **study)
        self._reported: set[tuple[int, Any]] = set()
        self._ended = False

    def suggest(self, trial_id: str) -> Any:
        """Draw a configuration; none any more once a budget is used up."""
        return self.FINISHED if self._ended else super().suggest(trial_id)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Tell Optuna the objective after a round."""
        self._note(self._ot_trials[trial_id], result)

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell Optuna how a trial ended."""
        from optuna.trial import TrialState as State

        trial: Any = self._ot_trials[trial_id]
        last = result or {}
        self._note(trial, last)  # the result at which the scheduler stops comes only here
        if HELD in last:
            self._ended = True
            put_back(self._study, trial.number)
        elif error or FAILED in last or not last:
            trial.set_user_attr(ERROR, last.get(FAILED, "its process died"))
            self._study.tell(trial, state=State.FAIL)
        elif not last.get("finished"):
            self._study.tell(trial, state=State.PRUNED)
        elif OBJECTIVE in last:
            self._study.tell(trial, last[OBJECTIVE])
        else:
            trial.set_user_attr(ERROR, UNDEFINED)
            self._study.tell(trial, state=State.FAIL)

    def _note(self, trial: Any, result: Mapping[str, Any]) -> None:
        for name, key in ((STEPS, ROUND), (CELLS, CELLS)):
            if key in result:
                trial.set_user_attr(name, result[key])
        step = (trial.number, result.get(ROUND))
        if OBJECTIVE in result and step not in self._reported:
            self._reported.add(step)
            trial.report(result[OBJECTIVE], result[ROUND])

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the study's storage is all there is to resume from, and no pickle."""

    @property
    def _study(self) -> Any:
        return self._ot_study
