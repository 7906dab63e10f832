"""Ray Tune, set up for trials that only wait."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from w2s_platform.running.trials import TRIAL_MEMORY

TRIAL_RETRIES = 2
"""New processes that a trial gets after its own died; its stages are not affected."""


def make_tuner(
    trial: Callable[..., None],
    space: Mapping[str, Any],
    *,
    broker: Any,
    name: str,
    folder: Path,
    concurrency: int,
    callbacks: Sequence[Any] = (),
    shared: Mapping[str, Any] | None = None,
    **tuning: Any,
) -> Any:
    """A `ray.tune.Tuner` that hands every trial the broker.

    Args:
        trial: Called with the trial's config, and `broker`, in the trial's process.
        space: Tune's parameter space.
        broker: Handle of the broker's actor.
        name: Name of the experiment.
        folder: Where Tune keeps its notes; nothing of ours reads them.
        concurrency: Trials at once. Tune would start as many as fit, and trials hold nothing.
        callbacks: Further Tune callbacks.
        shared: Further arguments of every trial.
        tuning: More of `TuneConfig`, such as the search algorithm and the scheduler.
    """
    from ray import tune

    bound = tune.with_parameters(trial, broker=broker, **(shared or {}))
    return tune.Tuner(
        tune.with_resources(bound, {"cpu": 0, "memory": TRIAL_MEMORY}),
        param_space=dict(space),
        tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=concurrency, **tuning),
        run_config=tune.RunConfig(
            name=name,
            storage_path=str(folder),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=TRIAL_RETRIES),
            callbacks=[*callbacks, _release_callback(broker)],
        ),
    )


def _release_callback(broker: Any) -> Any:
    """A Tune callback: when a trial ends, however it ends, its stages lose a requester."""
    from ray import tune

    class ReleaseStages(tune.Callback):
        def on_trial_complete(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            self._release(trial)

        def on_trial_error(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            self._release(trial)

        def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
            for trial in trials:  # those that Tune stopped with the experiment were not told of
                self._release(trial)

        def _release(self, trial: Any) -> None:
            broker.release.remote(requester_of(trial.trial_id, trial.config))

    return ReleaseStages()


def requester_of(trial: str, config: Mapping[str, Any]) -> str:
    """The name under which a trial asks for stages: its cell's, or its own."""
    return str(config.get("cell") or trial)


def experiment_name(sweep: str) -> str:
    """A name for one run: the sweep's, the time, and digits that tell two of one second apart."""
    return f"{sweep}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
