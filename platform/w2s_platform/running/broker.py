"""The broker: every stage that somebody needs, run once, for all who wait for it.

It knows nothing of Ray: a `Launcher` runs a stage, `Records` tell what the store holds. See
`actor.py` for the two put together.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from w2s_platform.graph.model import Cell, Graph
from w2s_platform.running.gate import Gate
from w2s_platform.running.policy import HELD, Policy
from w2s_platform.running.records import Records
from w2s_platform.running.runs import StageRun, State
from w2s_platform.running.snapshot import CellView, Change, Event, Snapshot
from w2s_platform.stage import Stage, StageStatus
from w2s_platform.stages.runtime import Outcome


class LostError(Exception):
    """The infrastructure failed a stage: a worker died, a node left, memory ran out."""


class StoppedError(Exception):
    """A stage ended because it was asked to."""


class Launcher(Protocol):
    """Runs stages somewhere."""

    async def launch(self, stage: Stage) -> Outcome:
        """Run one stage whose inputs are in the store.

        Raises:
            LostError: Its machine failed; the stage may be launched again.
            StoppedError: `cancel` was called.
        """
        ...

    def cancel(self, key: str) -> None:
        """Ask a launched stage to stop; `launch` then ends, if only with the stage itself."""
        ...


@dataclass(frozen=True)
class CellOutcome:
    """How a cell ended."""

    id: str
    status: StageStatus
    """`done`, `cached` (nothing had to run), `failed`, or `to_run` (a budget ended it)."""
    error: str | None = None


class Broker:
    """Runs the stages of a graph for whoever asks; lives in one event loop."""

    def __init__(
        self,
        launcher: Launcher,
        records: Records,
        policy: Policy,
        *,
        gate: Gate | None = None,
        log: Callable[[Event], None] | None = None,
    ) -> None:
        self._launcher, self._records, self._policy = launcher, records, policy
        self._gate, self._log = gate, log
        self._runs: dict[str, StageRun] = {}
        self._cells: dict[str, Cell] = {}
        self._lineages: dict[str, tuple[str, ...]] = {}
        self._verified: set[str] = set()
        self._checks: dict[str, asyncio.Task[bool]] = {}
        self._events: list[Event] = []
        self._began = time.monotonic()
        self._device_seconds = 0.0
        self._closed = False
        self.sweep = ""

    # --- what is asked of it

    async def add(self, graph: Graph) -> None:
        """Make a graph's stages and cells known; those known already are kept."""
        self.sweep = self.sweep or graph.sweep
        new = [key for key in graph.stages if key not in self._runs]
        found = await asyncio.to_thread(self._records.statuses, new)
        for key in new:
            if key not in self._runs:  # else another graph has brought it meanwhile
                run = self._runs[key] = StageRun.of(graph.stages[key])
                run.state = "cached" if found[key] == "done" else "to_run"
        # Last: a snapshot may be asked for while we wait, and it shows the stages of every cell.
        self._cells |= {cell.id: cell for cell in graph.cells}

    async def run_cell(self, cell: str) -> CellOutcome:
        """Bring all stages of a cell into the store; one that fails doesn't stop the others."""
        if self._gate:
            self._gate.arrive(cell)
        await self.ensure_all(self._cells[cell].stages, cell)
        self.release(cell)
        if self._gate:
            await self._gate.wait()
        view = cell_view(self._cells[cell], self._runs)
        return CellOutcome(view.id, view.status, view.error)

    async def ensure_all(self, keys: Iterable[str], requester: str) -> list[Outcome]:
        """Bring stages into the store, with all that they are made from, in parallel."""
        return list(await asyncio.gather(*(self.ensure(key, requester) for key in keys)))

    async def ensure(self, key: str, requester: str) -> Outcome:
        """Bring one stage into the store, with all that it is made from.

        Args:
            key: A stage of a graph that was added.
            requester: Who needs it, until `release`.
        """
        for member in self._lineage(key):
            self._runs[member].requesters.add(requester)
        return await self._bring(self._runs[key])

    def release(self, requester: str) -> None:
        """Forget a requester; what nobody else waits for is stopped."""
        for run in self._runs.values():
            run.requesters.discard(requester)
            if run.active and not run.requesters:
                self._stop(run)

    async def close(self, patience: float) -> None:
        """Stop everything, and wait a while for it to end."""
        self._closed = True
        for run in self._runs.values():
            run.requesters.clear()
            if run.active:
                self._stop(run)
        tasks = [run.task for run in self._runs.values() if run.task and not run.task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=patience)

    def started(self, key: str) -> None:
        """Called by a worker that begins to work on a stage."""
        run = self._runs[key]
        if run.launched:
            run.started = time.monotonic()
            self._change(run, "running", "started")

    def progress(self, key: str, report: Mapping[str, Any]) -> bool:
        """Called by a worker now and then.

        Returns:
            Whether it should stop.
        """
        run = self._runs[key]
        if report:
            run.progress = report
        return run.stopping

    def snapshot(self, after: int = 0) -> Snapshot:
        """The run as it stands, with the events after a number."""
        runs = self._runs.values()
        return Snapshot(
            sweep=self.sweep,
            elapsed=self._elapsed,
            cells=tuple(cell_view(cell, self._runs) for cell in self._cells.values()),
            stages=tuple(run.view() for run in runs),
            events=tuple(self._events[after:]),
            busy_seconds=sum(run.seconds for run in runs),
        )

    # --- one stage, from asked for to there

    async def _bring(self, run: StageRun) -> Outcome:
        while run.stopping and run.active:  # somebody wants again what was being stopped
            assert run.task is not None
            await asyncio.wait([run.task])
        if run.task is None or (run.state in ("stopped", "to_run") and not run.active):
            run.stopping = False
            run.task = asyncio.create_task(self._work(run))
        return await asyncio.shield(run.task)

    async def _work(self, run: StageRun) -> Outcome:
        try:
            return await self._attempts(run)
        except (StoppedError, asyncio.CancelledError):
            self._change(run, "stopped", "stopped")
            return self._failed(run, "stopped on request")
        except Exception as error:  # a fault of ours fails this stage, not the whole run
            return self._fail(run, f"{type(error).__name__}: {error}", deterministic=False)
        finally:
            run.stopping = run.launched = False

    async def _attempts(self, run: StageRun) -> Outcome:
        if run.state == "cached":
            return Outcome(run.stage.key, "cached")
        if kept := await self._kept_failure(run):
            return self._fail(run, kept, deterministic=True)
        losses = 0
        while not self._closed:
            if lacking := await self._inputs(run):
                return lacking
            if spent := self._policy.spent(self._elapsed, self._device_seconds):
                return self._hold(run, spent)
            outcome, lost = await self._attempt(run)
            if outcome.status in ("done", "cached"):
                return self._finish(run, outcome)
            if run.stopping:
                raise StoppedError
            if outcome.status == "failed":
                losses += 1
                if not lost or losses > self._policy.retries:
                    return self._fail(run, outcome.error, outcome.deterministic)
                await self._back_off(run, losses, outcome.error)
            elif (found := await self._elsewhere(run, outcome.waits_for)) == "done":
                return self._finish(run, Outcome(run.stage.key, "cached"))
            elif found == "failed" and (kept := await self._recorded(run)):
                return self._fail(run, kept, deterministic=True)
        raise StoppedError

    async def _attempt(self, run: StageRun) -> tuple[Outcome, bool]:
        """Launch once; whether a failure is the infrastructure's."""
        run.state, run.launched, run.note, run.progress = "queued", True, "", {}
        run.attempts += 1
        seconds = None
        try:
            outcome = await self._launcher.launch(run.stage)
            seconds = outcome.seconds
            return outcome, not outcome.deterministic
        except LostError as lost:
            return self._failed(run, str(lost)), True
        finally:
            run.launched = False
            self._device_seconds += run.end_attempt(seconds) * run.needs.devices

    async def _inputs(self, run: StageRun) -> Outcome | None:
        """Wait for the inputs; the outcome of this stage if one of them can't be had."""
        inputs = [self._runs[key] for key in run.stage.inputs.values()]
        outcomes = await asyncio.gather(*(self._bring(each) for each in inputs))
        for each, outcome in zip(inputs, outcomes, strict=True):
            if outcome.status == "failed":
                return self._block(run, each, outcome)
        if all([await self._is_sound(each) for each in inputs]):
            return None
        return await self._inputs(run)

    async def _is_sound(self, run: StageRun) -> bool:
        """Check an artifact of an earlier run, once for all who read it."""
        key = run.stage.key
        if run.state != "cached" or key in self._verified:
            return True
        if key not in self._checks:
            self._checks[key] = asyncio.create_task(self._check(run))
        return await asyncio.shield(self._checks[key])  # one reader that is stopped ends no other's

    async def _check(self, run: StageRun) -> bool:
        """Whether an artifact can be trusted; one that is damaged is to be made again."""
        key = run.stage.key
        try:
            sound = await asyncio.to_thread(self._records.holds, key)
        finally:
            del self._checks[key]
        if sound:
            self._verified.add(key)
        elif run.state == "cached":
            run.state, run.task = "to_run", None
        return sound

    async def _kept_failure(self, run: StageRun) -> str | None:
        """The failure of an earlier run that would come again."""
        if run.state != "to_run" or run.attempts:
            return None
        if not self._policy.retry_failed:
            return await self._recorded(run)
        await asyncio.to_thread(self._records.forgive, run.stage.key)
        return None

    async def _recorded(self, run: StageRun) -> str | None:
        failure = await asyncio.to_thread(self._records.failure, run.stage.key)
        return failure.error if failure and failure.deterministic else None

    async def _back_off(self, run: StageRun, losses: int, error: str | None) -> None:
        pause = self._policy.pause_before(losses)
        run.note = f"{error}; again in {pause:.0f} s"
        self._change(run, "retrying", "retrying")
        await asyncio.sleep(pause)

    async def _elsewhere(self, run: StageRun, held: str | None) -> str:
        """Wait, holding nothing, while somebody else works; where that work then stands.

        Args:
            run: The stage.
            held: The key that they hold: the stage's own (or None), or that of its content.
        """
        key, pause = held or run.stage.key, self._policy.poll
        same = key == run.stage.key
        run.note = "another driver runs it" if same else "another stage does the same work"
        self._change(run, "elsewhere", "elsewhere")
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 5 * self._policy.poll)
            found = (await asyncio.to_thread(self._records.statuses, [key]))[key]
            if found != "running":
                return found

    # --- ends

    def _finish(self, run: StageRun, outcome: Outcome) -> Outcome:
        run.error, run.note = None, ""
        ended = "done" if outcome.status == "done" else "cached"
        self._change(run, ended, ended)
        return outcome

    def _fail(self, run: StageRun, error: str | None, deterministic: bool) -> Outcome:
        run.error, run.note = error or "no message", ""
        self._change(run, "failed", "failed")
        return self._failed(run, run.error, deterministic)

    def _hold(self, run: StageRun, reason: str) -> Outcome:
        """Leave a stage unstarted that nothing is wrong with."""
        run.state, run.note = "to_run", reason
        return Outcome(run.stage.key, "failed", error=reason, summary={HELD: True})

    def _block(self, run: StageRun, needed: StageRun, outcome: Outcome) -> Outcome:
        """Leave a stage unstarted whose input can't be had."""
        failed = f"needs {_name(needed)}, which failed: {needed.error}"
        run.state, run.note = "to_run", failed if needed.error else needed.note
        return replace(outcome, key=run.stage.key, error=run.note)

    def _failed(self, run: StageRun, error: str, deterministic: bool = False) -> Outcome:
        return Outcome(run.stage.key, "failed", error=error, deterministic=deterministic)

    def _stop(self, run: StageRun) -> None:
        run.stopping = True
        if run.launched:
            self._launcher.cancel(run.stage.key)
        elif run.task:
            run.task.cancel()

    # --- what displays see

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _change(self, run: StageRun, state: State, change: Change) -> None:
        run.state = state
        event = Event(len(self._events) + 1, self._elapsed, change, run.view())
        self._events.append(event)
        if self._log:
            self._log(event)

    def _lineage(self, key: str) -> tuple[str, ...]:
        """The stage and all that it is made from."""
        if key not in self._lineages:
            found = {key: None}
            for needed in self._runs[key].stage.inputs.values():
                found |= dict.fromkeys(self._lineage(needed))
            self._lineages[key] = tuple(found)
        return self._lineages[key]


def cell_view(cell: Cell, runs: Mapping[str, StageRun]) -> CellView:
    """What displays see of a cell."""
    mine = [runs[key] for key in cell.stages]
    status, error = _cell_status(mine)
    return CellView(
        id=cell.id,
        seed=cell.seed,
        status=status,
        stages=len(mine),
        finished=sum(run.finished for run in mine),
        round=sum(runs[key].finished for key in cell.rounds),
        rounds=len(cell.rounds),
        error=error,
    )


def _cell_status(runs: list[StageRun]) -> tuple[StageStatus, str | None]:
    """A cell's status, and what went wrong with it."""
    if failed := next((run for run in runs if run.state == "failed"), None):
        return "failed", f"{_name(failed)}: {failed.error}"
    if all(run.finished for run in runs):
        return ("done" if any(run.state == "done" for run in runs) else "cached"), None
    if any(run.active for run in runs):
        return "running", None
    return "to_run", next((run.note for run in runs if run.note), None)


def _name(run: StageRun) -> str:
    return f"{run.stage.label or run.stage.kind} ({run.stage.kind} {run.stage.key[:12]})"
