"""Weights & Biases, through Ray's `WandbLoggerCallback`."""

from typing import Any

from ray.air.constants import TRAINING_ITERATION
from ray.air.integrations.wandb import WandbLoggerCallback

from w2s_platform.running.tracking.described import Ending

PATIENCE = 60
"""Seconds that uploads may take after the last trial."""


class WandbLogger(WandbLoggerCallback):
    """Ray's logger, with the ending in a run's config, and with the failures of its processes."""

    AUTO_CONFIG_KEYS = [*WandbLoggerCallback.AUTO_CONFIG_KEYS, "status", "error"]

    def __init__(self, **settings: Any) -> None:
        super().__init__(upload_timeout=PATIENCE, **settings)
        self._steps: dict[Any, int] = {}

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Send metrics."""
        self._steps[trial] = result[TRAINING_ITERATION]
        super().log_trial_result(iteration, trial, result)

    def log_ending(self, run: Any, ending: Ending) -> None:
        """End a run; W&B itself knows no runs that failed but those whose process did."""
        step = self._steps.pop(run, 1)
        told = {"status": ending.status, "error": ending.reason, TRAINING_ITERATION: step}
        super().log_trial_result(step, run, told)
        self.log_trial_end(run, failed=ending.status == "failed")

    def _cleanup_logging_actor(self, trial: Any) -> None:
        """Raise what went wrong in a run's process, which nobody else asks for."""
        import ray

        ended = self._trial_logging_futures[trial]
        super()._cleanup_logging_actor(trial)
        ray.get(ended, timeout=1)
