"""The Optuna study behind a search: where it is kept, how it draws, what it has done."""

import fcntl
import itertools
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ensemble_core.errors import InputError
from w2s_platform.stage import Json, canonical_json
from w2s_platform.sweepfile.search import CategoricalDimension, Dimension, SearchSettings

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from w2s_platform.store import Store

TrialState = Literal["finished", "stopped", "failed", "running"]
INTERRUPTED, ERROR, CELLS, STEPS = "interrupted", "error", "cells", "steps"
_GRID_LIMIT = 100_000


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


class Space:
    """The search space as Optuna draws from it: a define-by-run function."""

    def __init__(self, dimensions: Mapping[str, Dimension]) -> None:
        self.dimensions = dict(dimensions)

    def __call__(self, trial: "Trial") -> dict[str, Any]:
        """Draw a value for each key whose conditions hold."""
        values: dict[str, Any] = {}
        waiting = dict(self.dimensions)
        while waiting:  # a condition may look at a key that stands further down
            ready = [key for key, dimension in waiting.items() if not dimension.when.keys() & waiting]
            for key in ready or list(waiting):
                dimension = waiting.pop(key)
                if _applies(dimension.when, values):
                    values[key] = _draw(trial, key, dimension)
        return values

    def decode(self, params: Mapping[str, Any]) -> dict[str, Json]:
        """The values that Optuna's parameters stand for."""
        return {key: _decode(self.dimensions[key], value) for key, value in params.items()}

    def grid(self) -> list[dict[str, Any]]:
        """Every point of a space of steps and choices, as Optuna's parameters.

        Raises:
            InputError: There are too many to list.
        """
        axes = {key: _points(dimension) for key, dimension in self.dimensions.items()}
        points = itertools.islice(itertools.product(*axes.values()), _GRID_LIMIT + 1)
        grid = [dict(zip(axes, point, strict=True)) for point in points]
        if len(grid) > _GRID_LIMIT:
            raise InputError(f"the grid has more than {_GRID_LIMIT} points", where="search.space")
        return grid


def open_storage(settings: SearchSettings, store: "Store", study: str) -> "BaseStorage":
    """The study's storage: what the sweep names, else a journal in the store."""
    from optuna import storages
    from optuna.storages.journal import JournalFileBackend

    if settings.storage:
        return storages.get_storage(settings.storage)
    return storages.JournalStorage(JournalFileBackend(str(_folder(store) / f"{study}.journal")))


@contextmanager
def only_driver(store: "Store", study: str, waiting: Callable[[], None]) -> Generator[None]:
    """Hold a study: one driver at a time draws trials; a dead one's hold is gone with it.

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


def open_study(
    settings: SearchSettings, storage: "BaseStorage", name: str, retry_failed: bool
) -> "Study":
    """The study, made ready to go on: what a dead driver left half-done is queued again."""
    import optuna
    from optuna.trial import TrialState as State

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    direction = "minimize" if settings.objective.direction == "min" else "maximize"
    study = optuna.create_study(
        storage=storage, study_name=name, direction=direction, load_if_exists=True
    )
    for trial in study.get_trials(deepcopy=False, states=(State.RUNNING,)):
        study.tell(trial.number, state=State.FAIL)
    for trial in study.get_trials(deepcopy=False, states=(State.FAIL,)):
        if not _counts(trial, retry_failed):
            study.enqueue_trial(trial.params, skip_if_exists=False)
    return study


def remaining(study: "Study", settings: SearchSettings, retry_failed: bool) -> int:
    """Trials that are still to be made, of all that the sweep asks for."""
    done = sum(_counts(trial, retry_failed) for trial in study.get_trials(deepcopy=False))
    return max(0, settings.trials - done)


def make_sampler(settings: SearchSettings, seen: int) -> "BaseSampler":
    """How values are drawn.

    Args:
        settings: The search.
        seen: Trials that the study has: a resumed study must not draw its first values again.
    """
    from optuna import samplers

    seed = settings.seed + seen
    if settings.sampler == "tpe":
        # Trials run at once: the constant liar keeps them from all drawing near the same point.
        return samplers.TPESampler(seed=seed, constant_liar=True)
    if settings.sampler == "cmaes":
        return _cmaes(seed)
    return samplers.RandomSampler(seed=seed)


def records(study: "Study", space: Space) -> tuple[TrialRecord, ...]:
    """All trials of a study but those that were interrupted, in order."""
    trials = study.get_trials(deepcopy=False)
    kept = [trial for trial in trials if INTERRUPTED not in trial.user_attrs and trial.params]
    return tuple(_record(trial, space) for trial in kept)


def _counts(trial: "FrozenTrial", retry_failed: bool) -> bool:
    """Whether a trial is one of those that the sweep asked for, and done with."""
    state = trial.state.name
    failed = state == "FAIL" and ERROR in trial.user_attrs and not retry_failed
    return state in ("COMPLETE", "PRUNED") or failed
