"""Sweeps with a `search:`: which configurations there are so far, and how more are made."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

import click

from ensemble_core.errors import W2SError
from w2s_platform.cli.inputs import Study

if TYPE_CHECKING:
    from w2s_platform.graph.model import Graph
    from w2s_platform.graph.search import SweepSearch
    from w2s_platform.running.options import RunOptions
    from w2s_platform.running.progress import Display
    from w2s_platform.running.search import SearchReport
    from w2s_platform.running.snapshot import Snapshot
    from w2s_platform.running.study import TrialRecord
    from w2s_platform.store import Store


def graph_so_far(study: Study, store: "Store") -> "tuple[Graph, list[str]]":
    """What a plan can know of a search: its trials so far. Writes nothing.

    Returns:
        The cells and stages of the trials that were made, and a line for each search.
    """
    problems = problems_of(study)
    made = [trials_so_far(problem, store) for problem in problems]
    notes = [_note(problem, trials) for problem, trials in zip(problems, made, strict=True)]
    return graph_of(study, problems, made), notes


def _note(problem: "SweepSearch", trials: "Sequence[TrialRecord]") -> str:
    stopped = sum(trial.state == "stopped" for trial in trials)
    early = f", {stopped} of them stopped early" if stopped else ""
    return f"search {problem.study}: {len(trials)} of {problem.settings.trials} trials made{early}"


def search(
    study: Study, options: "RunOptions", store: "Store", display: "Callable[[], Display]"
) -> "list[SearchReport]":
    """Make the trials that a sweep's searches lack, one search after the other.

    The store's record of the sweep holds the trials of all its searches, whichever run made them,
    before, between and after the searches, and where a run is cut short.
    """
    from w2s_platform.results.ledger import record
    from w2s_platform.running.search import run_search

    def keep() -> None:
        record(store, graph_so_far(study, store)[0])

    reports: list[SearchReport] = []
    keep()
    try:
        for problem in problems_of(study):
            shown = Recording(display(), keep)
            reports.append(run_search(problem, options, display=shown, on_wait=_say_waiting))
            keep()
    except BaseException:
        with suppress(W2SError, OSError):  # what ended the run matters more
            keep()
        raise
    return reports


class Recording:
    """A display that also has the trials so far recorded, now and then.

    Args:
        display: What shows the search.
        keep: Records all trials so far.
        every: Seconds between two records, at least.
        clock: Tells seconds.
    """

    def __init__(
        self,
        display: "Display",
        keep: Callable[[], None],
        *,
        every: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._display, self._keep, self._every, self._clock = display, keep, every, clock
        self._began = clock()
        self._next = self._began + every

    def show(self, snapshot: "Snapshot") -> None:
        """See `Display.show`."""
        self._display.show(snapshot)
        if self._clock() >= self._next:
            with suppress(W2SError, OSError):  # a display ends no run
                self._keep()
            # Each record holds all trials so far: pauses that grow keep a long search's few.
            now = self._clock()
            self._next = now + max(self._every, (now - self._began) / 10)

    def close(self) -> None:
        """See `Display.close`."""
        self._display.close()


def problems_of(study: Study) -> "list[SweepSearch]":
    """The searches of a sweep, one for each point of its `vary`."""
    from w2s_platform.graph.search import searches

    return searches(study.sweep, study.cards, study.data_root)


def graph_of(
    study: Study, problems: "Sequence[SweepSearch]", made: "Sequence[Sequence[TrialRecord]]"
) -> "Graph":
    """The cells and stages of trials that were judged at least once.

    Of a trial that the scheduler stopped, those that it needed until then: no more will be run.
    """
    from w2s_platform.graph.search import merged

    judged: list[tuple[float, Graph]] = []
    for problem, trials in zip(problems, made, strict=True):
        for trial in trials:
            if trial.state in ("finished", "stopped"):
                whole = problem.configuration(trial.values)
                ended = trial.state == "finished"
                steps = inf if ended else trial.steps
                judged.append((steps, whole.graph if ended else whole.until(trial.steps)))
    # Where two trials drew the same values, the cell that went further stands: it comes last.
    judged.sort(key=lambda found: found[0])
    return merged(study.sweep.sweep, [graph for _, graph in judged])


def trials_so_far(problem: "SweepSearch", store: "Store") -> "tuple[TrialRecord, ...]":
    """The trials that a search has made, by whatever run; none where it was never run."""
    import optuna

    from w2s_platform.running import study as studies
    from w2s_platform.running.space import Space

    journal = store.backend.local_path("searches") / f"{problem.study}.journal"
    if not problem.settings.storage and not journal.exists():
        return ()  # opening it would make it
    storage = studies.open_storage(problem.settings, store, problem.study)
    try:
        held = optuna.load_study(study_name=problem.study, storage=storage)
    except KeyError:
        return ()
    return studies.records(held, Space(problem.settings.space, problem.value_of))


def _say_waiting() -> None:
    click.echo("another run makes this search's trials; waiting for it", err=True)
