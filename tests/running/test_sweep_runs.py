"""Sweeps through Ray and Tune, on a real store."""

import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from run_helpers import GraphMaker, Marks, work

from w2s_platform.running import sweep as sweeps
from w2s_platform.running.options import RunOptions
from w2s_platform.running.policy import Policy
from w2s_platform.running.report import RunReport
from w2s_platform.running.session import brokered, runs_folder
from w2s_platform.running.snapshot import Snapshot
from w2s_platform.running.sweep import run_sweep
from w2s_platform.running.trials import run_cell
from w2s_platform.running.tuning import make_tuner
from w2s_platform.store import Store
from w2s_platform.store.provenance import git_state

pytestmark = pytest.mark.usefixtures("ray_work")
QUICK = Policy(retries=2, backoff=0.05, poll=0.2, grace=1.0)


class Recorder:
    """A display that keeps what it is shown."""

    def __init__(self) -> None:
        self.shown: list[Snapshot] = []
        self.closed = False

    def show(self, snapshot: Snapshot) -> None:
        self.shown.append(snapshot)

    def close(self) -> None:
        self.closed = True


def run(
    maker: GraphMaker,
    store: Store,
    *,
    display: Recorder | None = None,
    concurrency: int = 2,
    **policy: Any,
) -> RunReport:
    options = RunOptions(store.url, concurrency=concurrency, policy=replace(QUICK, **policy))
    return run_sweep(maker.graph(), options, display=display, execute=work)


def free_cpus(wanted: float, patience: float = 60.0) -> float:
    """Free CPUs, once `wanted` are free or patience has ended: Ray's own count lags."""
    import ray

    deadline = time.monotonic() + patience
    while (free := ray.available_resources().get("CPU", 0.0)) < wanted:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return free


def test_every_stage_runs_once_and_a_rerun_needs_no_ray(
    maker: GraphMaker, marks: Marks, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = maker.stage("data")
    for cell in range(12):
        rounds = [maker.stage(f"round {cell % 3}.0", data, kind="round")]
        rounds.append(maker.stage(f"round {cell % 3}.1", rounds[0], kind="round"))
        student = maker.stage(f"student {cell}", rounds[1], kind="student")
        maker.cell(f"cell {cell}", student, rounds=rounds)
    display = Recorder()
    report = run(maker, store, display=display)
    assert report.exit_status == 0
    assert {cell.status for cell in report.cells} == {"done"}
    assert set(marks.counts("start").values()) == {1}
    assert len(report.executed) == 1 + 6 + 12
    assert len(marks.processes("start")) <= 3, "task processes are kept warm"
    last = display.shown[-1]
    assert display.closed
    assert last.cell_counts == {"done": 12}
    assert {(cell.round, cell.rounds) for cell in last.cells} == {(2, 2)}
    numbers = [event.number for shown in display.shown for event in shown.events]
    assert numbers == list(range(1, len(numbers) + 1)), "each event is shown once"

    monkeypatch.setattr(sweeps, "connect", None)
    again = run(maker, store)
    assert again.exit_status == 0
    assert again.executed == ()
    assert {cell.status for cell in again.cells} == {"cached"}


def test_failures_and_deaths(maker: GraphMaker, marks: Marks, store: Store) -> None:
    data = maker.stage("data", die=1)
    bad = maker.stage("bad", data, fail="it diverged")
    maker.cell("good", maker.stage("good", data, lose=1))
    maker.cell("bad", maker.stage("after", bad), maker.stage("beside", data))
    maker.cell("hopeless", maker.stage("hopeless", die=9))
    maker.cell("input", maker.stage("input", **{"raise": "input"}))
    maker.cell("bug", maker.stage("bug", **{"raise": "bug"}))
    maker.cell("memory", maker.stage("memory", **{"raise": "memory"}))
    report = run(maker, store)
    status = {cell.id: cell.status for cell in report.cells}
    errors = {cell.id: cell.error or "" for cell in report.cells}
    assert {cell for cell, ended in status.items() if ended == "done"} == {"good"}
    assert {ended for cell, ended in status.items() if cell != "good"} == {"failed"}
    assert errors["input"].endswith("): raised")
    assert "KeyError: 'raised'" in errors["bug"]
    assert "MemoryError: raised" in errors["memory"]
    assert "it diverged" in errors["bad"]
    assert "its process died" in errors["hopeless"]
    assert report.exit_status == 1
    assert marks.counts("start") == {
        "data": 2, "bad": 1, "good": 2, "beside": 1, "hopeless": 1 + QUICK.retries,
        "input": 1, "bug": 1, "memory": 1 + QUICK.retries,
    }  # fmt: skip

    again = run(maker, store, concurrency=1, retries=0)
    assert marks.count("start", "bad") == 1, "a deterministic failure is kept"
    assert [cell.error for cell in again.cells][1] == errors["bad"]
    run(maker, store, concurrency=1, retries=0, retry_failed=True)
    assert marks.count("start", "bad") == 2
    assert marks.count("start", "hopeless") == (1 + QUICK.retries) + 1 + 1


def test_a_process_that_a_stage_broke_runs_no_other(
    maker: GraphMaker, marks: Marks, store: Store
) -> None:
    maker.cell("cell", maker.stage("faulty", **{"break": 1}))
    maker.cell("hopeless", maker.stage("hopeless", **{"break": 9}))
    display = Recorder()
    report = run(maker, store, display=display)
    assert [cell.status for cell in report.cells] == ["done", "failed"]
    assert "CUDA error: ECC" in (report.cells[1].error or ""), "not only that its process died"
    assert marks.counts("start") == {"faulty": 2, "hopeless": 1 + QUICK.retries}
    broken = 1 + 1 + QUICK.retries
    assert len(marks.processes("start")) >= broken, "one of them was used again"
    assert len(store.failures(report.stages[0].key)) == 1


def test_the_driver_says_which_code_ran(
    maker: GraphMaker, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers run in another directory, here one of another project."""
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", *who, *command], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    key = maker.stage("data")
    maker.cell("cell", key)
    assert run(maker, store).exit_status == 0
    found = store.require(key).manifest.provenance.git
    assert found is not None
    assert found == git_state(tmp_path)


def test_a_stage_of_another_driver_is_waited_for(
    maker: GraphMaker, marks: Marks, store: Store
) -> None:
    shared = maker.stage("shared")
    maker.cell("cell", maker.stage("after", shared))
    lease = store.acquire(shared, "data")
    assert lease is not None
    display = Recorder()

    def other_driver() -> None:
        with lease:
            while not any(s.note for shown in display.shown for s in shown.stages):
                time.sleep(0.1)
            (lease.workdir / "value.txt").write_text("from elsewhere")
            lease.publish()

    thread = threading.Thread(target=other_driver)
    thread.start()
    report = run(maker, store, display=display)
    thread.join()
    assert report.exit_status == 0
    assert marks.counts("start") == {"after": 1}
    assert [stage.status for stage in report.stages] == ["cached", "done"]


def test_a_stopped_trial_frees_its_resources(maker: GraphMaker, marks: Marks, store: Store) -> None:
    import ray
    from ray import tune
    from ray.tune.schedulers import FIFOScheduler

    class StopBoth(FIFOScheduler):
        """Stops all trials once both are at work."""

        def choose_trial_to_run(self, tune_controller: Any) -> Any:
            if len(marks.counts("start")) == 2:
                for trial in tune_controller.get_trials():
                    tune_controller.stop_trial(trial)
            return super().choose_trial_to_run(tune_controller)

    maker.cell("endless", maker.stage("endless", seconds=300))
    maker.cell("stubborn", maker.stage("stubborn", seconds=300, stubborn=True))
    options = RunOptions(store.url, policy=QUICK)
    with brokered(options, store, concurrency=2, name="stop", execute=work) as broker:
        ray.get(broker.add.remote(maker.graph()))
        tuner = make_tuner(
            run_cell,
            {"cell": tune.grid_search(["endless", "stubborn"])},
            broker=broker,
            name="stop",
            folder=runs_folder(store),
            concurrency=2,
            scheduler=StopBoth(),
        )
        tuner.fit()
        assert marks.counts("start") == {"endless": 1, "stubborn": 1}
        assert free_cpus(2.0) == 2.0
        assert marks.count("cancelled", "endless") == 1, "one that asks stops by itself"
        stages = ray.get(broker.snapshot.remote()).stages
        assert {stage.status for stage in stages} == {"to_run"}
    assert set(store.statuses(maker.stages).values()) == {"to_run"}


def test_trials_never_starve_the_stages_that_they_wait_for(
    maker: GraphMaker, marks: Marks, store: Store
) -> None:
    """Two stages of one core each run at once on two cores, beside two trials."""
    for name in ("left", "right"):
        maker.cell(name, maker.stage(name, seconds=2.0))
    assert run(maker, store).exit_status == 0
    start, end = ({n: marks.times(w, n)[0] for n in ("left", "right")} for w in ("start", "end"))
    assert max(start.values()) < min(end.values())
