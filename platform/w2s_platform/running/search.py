"""Run a search: an Optuna study whose trials are configurations, through Ray Tune."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from w2s_platform.running import study as studies
from w2s_platform.running.cluster import Cluster, check_shared, connect
from w2s_platform.running.options import RunOptions
from w2s_platform.running.progress import Display, QuietDisplay, watch
from w2s_platform.running.report import RunReport
from w2s_platform.running.searching import OBJECTIVE, ROUND, SearchProblem, run_trial
from w2s_platform.running.session import brokered, terminable, tune_folder
from w2s_platform.running.snapshot import Snapshot
from w2s_platform.running.space import Space
from w2s_platform.running.study import TrialRecord
from w2s_platform.running.tasks import Execute
from w2s_platform.running.tuning import experiment_name, make_tuner
from w2s_platform.stages.run import run_stage

if TYPE_CHECKING:
    from w2s_platform.store import Store


@dataclass(frozen=True)
class SearchReport:
    """How a search stands after a run."""

    study: str
    trials: tuple[TrialRecord, ...]
    """Of all runs so far, in order."""
    run: RunReport
    """What this run did; its cells are those of its own trials."""
    direction: str
    """`max` or `min`."""
    lacking: int = 0
    """Trials that are still to be made: a budget ended the run."""

    @property
    def best(self) -> TrialRecord | None:
        """The finished configuration with the best objective."""
        finished = [t for t in self.trials if t.state == "finished" and t.objective is not None]
        sign = 1 if self.direction == "max" else -1
        return max(finished, key=lambda t: sign * (t.objective or 0.0), default=None)

    @property
    def exit_status(self) -> int:
        """0 where all trials were made and none failed, else 1."""
        return 1 if self.lacking or any(t.state == "failed" for t in self.trials) else 0


def run_search(
    problem: SearchProblem,
    options: RunOptions,
    *,
    display: Display | None = None,
    on_wait: Callable[[], None] = lambda: None,
    execute: Execute = run_stage,
) -> SearchReport:
    """Make the trials that a search lacks; a search that is complete does not start Ray.

    Args:
        problem: The search.
        options: How to run it.
        display: Shown while it runs; closed afterwards.
        on_wait: Called once if another driver runs this search; this one then waits for it.
        execute: What runs one stage in a worker's process.

    Raises:
        InputError: The store, the address, the resources or the sampler can't be used.
        KeyboardInterrupt: The run was interrupted; its unfinished trials are made again.
    """
    from w2s_platform.store import open_store

    began = time.monotonic()
    store = open_store(options.store_url)
    store.prepare()
    last = Snapshot(problem.study, 0.0, (), ())
    space = Space(problem.settings.space, problem.value_of)
    with studies.only_driver(store, problem.study, on_wait):
        search = _Search(problem, options, store, space)
        if search.lacking:
            with connect(options.address, debug=options.debug) as cluster, terminable():
                _check_cluster(options, store, cluster)
                asked = options.needs.values()
                at_once = options.concurrency or cluster.default_concurrency(asked)
                shown = display or QuietDisplay()
                last = search.run(min(at_once, search.lacking), shown, execute)
        trials, lacking = studies.records(search.study, space), search.count_lacking()
    ran = RunReport.of(last, time.monotonic() - began)
    direction = problem.settings.objective.direction
    return SearchReport(problem.study, trials, ran, direction, lacking)


def _check_cluster(options: RunOptions, store: "Store", cluster: Cluster) -> None:
    """Refuse what could never run.

    Raises:
        InputError: A training asks for more than there is, or a node does not see the store.
    """
    for role, needs in options.needs.items():
        cluster.check(needs, f"the training of {role}")
    check_shared(store.logs_dir)


class _Search:
    def __init__(
        self, problem: SearchProblem, options: RunOptions, store: "Store", space: Space
    ) -> None:
        self.problem, self.options, self.store, self.space = problem, options, store, space
        self.settings = problem.settings
        self.storage = studies.open_storage(self.settings, store, problem.study)
        self.study = studies.open_study(self.settings, self.storage, problem.study)
        self.wanted = self._queue()
        self.lacking = self.count_lacking()

    def count_lacking(self) -> int:
        """Trials that are still to be made."""
        return max(0, self.wanted - studies.done(self.study))

    def _queue(self) -> int:
        """Queue what is known in advance; how many trials there are to be in all."""
        wanted = self.settings.trials
        if self.options.policy.retry_failed:
            studies.queue_failed(self.study)
        if self.settings.sampler == "grid":
            grid = self.space.grid()
            wanted = min(wanted, len(grid))
            studies.queue_grid(self.study, grid, wanted - studies.done(self.study))
        return wanted

    def run(self, concurrency: int, display: Display, execute: Execute) -> Snapshot:
        import ray

        name, tracking = experiment_name(self.problem.study), self.options.tracking
        tracked = tracking.of_search(self.problem, self.store) if tracking else nullcontext([])
        with (
            brokered(
                self.options, self.store, concurrency=concurrency, name=name, execute=execute
            ) as broker,
            watch(broker, display),
            tune_folder() as folder,
            tracked as trackers,
        ):
            tuner = make_tuner(
                run_trial,
                {},
                broker=broker,
                name=name,
                folder=folder,
                concurrency=concurrency,
                callbacks=[*self.options.callbacks, *trackers],
                shared={"problem": self.problem, "store": self.store.url},
                search_alg=self._searcher(),
                scheduler=self._scheduler(),
                num_samples=self.lacking,
            )
            tuner.fit()
            return ray.get(broker.snapshot.remote())

    def _searcher(self) -> Any:
        from w2s_platform.running.optuna_search import RoundSearch

        seen = len(self.study.get_trials(deepcopy=False))
        return RoundSearch(
            self.space,
            self.settings.objective.direction,
            sampler=studies.make_sampler(self.settings, seen),
            storage=self.storage,
            study_name=self.problem.study,
        )

    def _scheduler(self) -> Any:
        from ray.tune.schedulers import ASHAScheduler

        asha = self.settings.asha
        if asha is None:
            return None
        return ASHAScheduler(
            time_attr=ROUND,
            metric=OBJECTIVE,
            mode=self.settings.objective.direction,
            max_t=max(self.problem.most_steps, asha.grace_period),
            grace_period=asha.grace_period,
            reduction_factor=asha.reduction_factor,
            stop_last_trials=False,  # what reaches the last round has finished already
        )
