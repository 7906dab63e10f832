"""MLflow, through Ray's `MLflowLoggerCallback`."""

import os
import time
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric
from ray.air.constants import TRAINING_ITERATION
from ray.air.integrations.mlflow import MLflowLoggerCallback

from w2s_platform.running.tracking.described import Ending

URI = "MLFLOW_TRACKING_URI"
MOST_AT_ONCE = 1000
"""Metrics that MLflow takes in one call."""
LONGEST_TAG = 5000
_ENDS = {"stopped": "KILLED", "failed": "FAILED"}


class MlflowLogger(MLflowLoggerCallback):
    """Ray's logger, which sends a cell's metrics in one call, and says how it ended."""

    def setup(self, *args: Any, **info: Any) -> None:
        """Reach the server or database. MLflow also sets its variable, for processes it starts."""
        before = os.environ.get(URI)
        try:
            super().setup(*args, **info)
        finally:
            os.environ.pop(URI, None)
            if before is not None:
                os.environ[URI] = before

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Send metrics: Ray would take two calls for each, and a cell has hundreds."""
        now, step = int(time.time() * 1000), result[TRAINING_ITERATION]
        metrics = [
            Metric(name, float(value), now, step)
            for name, value in result.items()
            if name != TRAINING_ITERATION
        ]
        for start in range(0, len(metrics), MOST_AT_ONCE):
            some = metrics[start : start + MOST_AT_ONCE]
            self._client().log_batch(self._trial_runs[trial], metrics=some)

    def log_ending(self, run: Any, ending: Ending) -> None:
        """End a run: FINISHED, FAILED or KILLED, with the reason as its tag `error`."""
        run_id = self._trial_runs[run]
        if ending.reason:
            self._client().set_tag(run_id, "error", ending.reason[:LONGEST_TAG])
        if ending.status == "finished":
            self.log_trial_end(run)
        else:
            self._client().set_terminated(run_id, _ENDS[ending.status])

    def _client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.tracking_uri)
