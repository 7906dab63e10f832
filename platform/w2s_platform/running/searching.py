"""What a search asks of the sweep, and what runs inside one of its trials.

Imported by trial processes: no torch, no transformers here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from ensemble_core.errors import StageError, W2SError
from w2s_platform.graph.model import Cell, Graph, closure
from w2s_platform.running.policy import HELD
from w2s_platform.stage import Json

if TYPE_CHECKING:
    from w2s_platform.store import Store
    from w2s_platform.sweepfile.search import SearchSettings

OBJECTIVE, ROUND = "objective", "round"
"""What a trial reports after a step."""
FAILED = "error"
"""What it reports instead where something went wrong; `HELD` where a budget is used up."""
UNDEFINED = "the objective is undefined: a seed has no value"
"""Why a trial failed that reported no objective at its end."""


@dataclass(frozen=True)
class Configuration:
    """One configuration with all its seeds."""

    graph: Graph
    """One cell per seed, and besides their stages those that `steps` name."""
    steps: tuple[tuple[str, ...], ...]
    """For each round, in order, the stages (over all seeds) that judge the configuration after it:
    say, of each seed, the evaluation of the ensemble of the first t rounds on validation data. One
    step where the objective is known only at the end."""

    def judging(self, step: int, seed: int) -> tuple[str, ...]:
        """One seed's stages of a step, which has as many of each seed; one seed follows the other.

        Args:
            step: Counted from 1.
            seed: The place of the seed's cell in the graph.
        """
        keys = self.steps[step - 1]
        each = len(keys) // len(self.graph.cells)
        return keys[seed * each : (seed + 1) * each]

    def until(self, step: int) -> Graph:
        """What a trial that ended after a step has needed: no more rounds, and no test data.

        Args:
            step: Counted from 1; after the last one it is the whole graph.
        """
        if step >= len(self.steps):
            return self.graph
        cells = tuple(self._cell_until(cell, n, step) for n, cell in enumerate(self.graph.cells))
        kept = {key: self.graph.stages[key] for cell in cells for key in cell.stages}
        return replace(self.graph, stages=kept, cells=cells)

    def _cell_until(self, cell: Cell, seed: int, step: int) -> Cell:
        """The `seed`-th cell, with the stages that its first steps asked for and nothing else."""
        asked = [key for n in range(step) for key in self.judging(n + 1, seed)]
        stages = closure(self.graph.stages, asked)
        held = set(stages)
        return replace(
            cell,
            stages=stages,
            measures=tuple(measure for measure in cell.measures if measure.key in held),
            rounds=tuple(key for key in cell.rounds if key in held),
            models={subject: key for subject, key in cell.models.items() if key in held},
            stopped=True,
        )


class BudgetError(W2SError):
    """A budget of the run is used up; nothing is wrong with the trial."""


class SearchProblem(Protocol):
    """A sweep's search, as `run_search` needs it. It is pickled into the trials' processes."""

    @property
    def study(self) -> str:
        """The study's name, made of the content too: it changes with whatever decides a value."""
        ...

    @property
    def settings(self) -> "SearchSettings":
        """The sweep's `search:` section."""
        ...

    @property
    def varied(self) -> Mapping[str, Json]:
        """Dotted key → value, for the keys that `vary` sets for this search."""
        ...

    @property
    def most_steps(self) -> int:
        """Steps of the configuration that has most; the scheduler's longest time."""
        ...

    def value_of(self, key: str) -> Json:
        """The value of a dotted key that is not searched; conditions look at some."""
        ...

    def configuration(self, values: Mapping[str, Json]) -> Configuration:
        """The configuration with these values (dotted key → value).

        Raises:
            InputError: The values don't go together.
        """
        ...

    def objective(self, store: "Store", configuration: Configuration, step: int) -> float | None:
        """The objective after a step, counted from 1: a mean over seeds of validation values.

        None where it is undefined. The step's stages are in the store.
        """
        ...


def run_trial(config: Mapping[str, Any], broker: Any, problem: SearchProblem, store: str) -> None:
    """The trial of one configuration: after each round its mean over seeds goes to the scheduler.

    What is not stopped goes on to all stages of its cells, those that read test data included.
    A failure is reported, not raised: Tune would replace the trial's process.
    """
    import ray
    from ray import tune

    requester = tune.get_context().get_trial_id() or ""
    ray.get(broker.arrive.remote(requester))
    try:
        _step_through(_Trial(broker, requester, problem, store), config)
    except BudgetError as error:
        tune.report({HELD: str(error)})
    except W2SError as error:
        tune.report({FAILED: str(error)})
    ray.get(broker.leave.remote())


@dataclass(frozen=True)
class _Trial:
    broker: Any
    requester: str
    problem: SearchProblem
    store_url: str

    def bring(self, configuration: Configuration, keys: Sequence[str]) -> None:
        """Have stages in the store.

        Raises:
            BudgetError: One of them was not started because a budget is used up.
            StageError: One of them can't be had; it is named.
        """
        import ray

        outcomes: list[Any] = ray.get(self.broker.ensure_all.remote(list(keys), self.requester))
        for key, outcome in zip(keys, outcomes, strict=True):
            if HELD in outcome.summary:
                raise BudgetError(outcome.error)
            if outcome.status == "failed":
                label = configuration.graph.stages[key].label
                raise StageError(outcome.error, where=f"{label} ({key[:12]})")


def _step_through(trial: _Trial, values: Mapping[str, Any]) -> None:
    import ray
    from ray import tune

    from w2s_platform.store import open_store

    store = open_store(trial.store_url)
    configuration = trial.problem.configuration(values)
    ray.get(trial.broker.add.remote(configuration.graph))
    names = [cell.id for cell in configuration.graph.cells]
    last = len(configuration.steps)
    for step, keys in enumerate(configuration.steps, 1):
        trial.bring(configuration, keys)
        value = trial.problem.objective(store, configuration, step)
        if step == last:  # it was not stopped: now, and only now, test data is read
            cells = configuration.graph.cells
            trial.bring(configuration, [key for cell in cells for key in cell.stages])
        report: dict[str, Any] = {ROUND: step, "finished": step == last, "cells": names}
        tune.report(report if value is None else report | {OBJECTIVE: value})
