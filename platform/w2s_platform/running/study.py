"""The Optuna study behind a search: where it is kept, how it draws, what it has done."""

import fcntl
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ensemble_core.errors import InputError
from w2s_platform.running.space import Space
from w2s_platform.stage import Json, canonical_json
from w2s_platform.sweepfile.search import SearchSettings

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from w2s_platform.store import Store

TrialState = Literal["finished", "stopped", "failed", "running"]
INTERRUPTED, ERROR, CELLS, STEPS = "interrupted", "error", "cells", "steps"
"""Names of Optuna's user attributes that we set on trials."""


@dataclass(frozen=True)
class TrialRecord:
    """One trial of a study, of this run or an earlier one."""

    number: int
    values: Mapping[str, Json]
    """Dotted key → value."""
    state: TrialState
    """`stopped`: the scheduler ended it early; it has no test results."""
    objective: float | None
    """The last that was measured."""
    steps: int
    """Rounds that it went through."""
    cells: tuple[str, ...] = ()
    error: str | None = None


def open_storage(settings: SearchSettings, store: "Store", study: str) -> "BaseStorage":
    """The study's storage: what the sweep names, else a journal in the store."""
    from optuna import storages
    from optuna.storages.journal import JournalFileBackend

    if settings.storage:
        return storages.get_storage(settings.storage)
    return storages.JournalStorage(JournalFileBackend(str(_folder(store) / f"{study}.journal")))


@contextmanager
def only_driver(store: "Store", study: str, waiting: Callable[[], None]) -> Generator[None]:
    """Hold a study: one driver at a time draws trials. A dead driver's hold is gone with it.

    Args:
        store: The store.
        study: The study's name.
        waiting: Called once if another driver holds it; then this one waits its turn.
    """
    with (_folder(store) / f"{study}.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def open_study(settings: SearchSettings, storage: "BaseStorage", name: str) -> "Study":
    """The study; trials that a dead driver left half-done are queued again.

    Called by the study's only driver.
    """
    import optuna
    from optuna.trial import TrialState as State

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    direction = "minimize" if settings.objective.direction == "min" else "maximize"
    study = optuna.create_study(
        storage=storage, study_name=name, direction=direction, load_if_exists=True
    )
    for trial in study.get_trials(deepcopy=False, states=(State.RUNNING,)):
        put_back(study, trial.number)
    return study


def put_back(study: "Study", number: int) -> None:
    """End an unfinished trial, and queue what it drew: a later one begins where it ended."""
    from optuna.trial import TrialState as State

    trial = study.get_trials(deepcopy=False)[number]
    study._storage.set_trial_user_attr(trial._trial_id, INTERRUPTED, True)  # pyright: ignore[reportPrivateUsage]
    study.tell(number, state=State.FAIL)
    if trial.params:
        study.enqueue_trial(trial.params)


def queue_failed(study: "Study") -> None:
    """Queue the failed trials again that nobody has repeated yet."""
    trials = study.get_trials(deepcopy=False)
    repeated = {_point(trial) for trial in trials if trial.state.name != "FAIL"}
    for trial in trials:
        if ERROR in trial.user_attrs and _point(trial) not in repeated:
            study.enqueue_trial(trial.params)


def queue_grid(study: "Study", grid: list[dict[str, Any]], limit: int) -> None:
    """Queue the first points of a grid that the study does not have."""
    held = {_point(trial) for trial in study.get_trials(deepcopy=False)}
    missing = [point for point in grid if canonical_json(point) not in held]
    for point in missing[: max(0, limit)]:
        study.enqueue_trial(point)


def done(study: "Study") -> int:
    """Trials that need no repetition: finished, stopped early, or failed and not repeated."""
    trials = study.get_trials(deepcopy=False)
    ended = [trial for trial in trials if trial.state.name in ("COMPLETE", "PRUNED")]
    queued = [trial for trial in trials if trial.state.name == "WAITING"]
    repeated = {_point(trial) for trial in (*ended, *queued)}
    failed = {_point(trial) for trial in trials if ERROR in trial.user_attrs}
    return len(ended) + len(failed - repeated)


def make_sampler(settings: SearchSettings, seen: int) -> "BaseSampler":
    """How values are drawn; grids are queued, so that anything serves for them.

    Args:
        settings: The search.
        seen: Trials that the study has: a resumed study must not draw its first values again.

    Raises:
        InputError: The sampler's package is not installed.
    """
    from optuna import samplers

    seed = settings.seed + seen
    if settings.sampler == "tpe":
        # Several trials run at once; the constant liar keeps them from drawing one and the same.
        return samplers.TPESampler(seed=seed, constant_liar=True)
    if settings.sampler == "cmaes":
        try:
            return samplers.CmaEsSampler(seed=seed)
        except ImportError as error:
            raise InputError(
                "the cmaes sampler needs the package `cmaes`",
                where="search.sampler",
                hint="pip install cmaes",
            ) from error
    return samplers.RandomSampler(seed=seed)


def records(study: "Study", space: Space) -> tuple[TrialRecord, ...]:
    """All trials of a study in order, but those that were interrupted and those still queued."""
    return tuple(
        _record(trial, space)
        for trial in study.get_trials(deepcopy=False)
        if INTERRUPTED not in trial.user_attrs and trial.state.name != "WAITING"
    )


def _record(trial: "FrozenTrial", space: Space) -> TrialRecord:
    states: dict[str, TrialState] = {"COMPLETE": "finished", "PRUNED": "stopped", "FAIL": "failed"}
    measured = trial.intermediate_values
    return TrialRecord(
        number=trial.number,
        values=space.decode(trial.params),
        state=states.get(trial.state.name, "running"),
        objective=measured[max(measured)] if measured else None,
        steps=trial.user_attrs.get(STEPS, 0),
        cells=tuple(trial.user_attrs.get(CELLS, ())),
        error=trial.user_attrs.get(ERROR),
    )


def _point(trial: "FrozenTrial") -> str:
    """What tells two trials apart: their parameters, drawn or to be drawn."""
    return canonical_json(trial.params or trial.system_attrs.get("fixed_params", {}))


def _folder(store: "Store") -> Path:
    folder = store.backend.local_path("searches")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
