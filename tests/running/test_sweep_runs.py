"""Sweeps through Ray and Tune, on a real store."""

import time
from dataclasses import replace

import pytest
from run_helpers import GraphMaker, Marks, work

from w2s_platform.running.options import RunOptions
from w2s_platform.running.policy import Policy
from w2s_platform.running.report import RunReport
from w2s_platform.running.sweep import run_sweep
from w2s_platform.store import Store

pytestmark = pytest.mark.usefixtures("ray_work")
QUICK = Policy(backoff=0.05, poll=0.2, grace=1.0)


def options_for(store: Store, concurrency: int = 2, **policy: object) -> RunOptions:
    return RunOptions(store.url, concurrency=concurrency, policy=replace(QUICK, **policy))


def run(maker: GraphMaker, store: Store, concurrency: int = 2, **policy: object) -> RunReport:
    return run_sweep(maker.graph(), options_for(store, concurrency, **policy), execute=work)


def test_every_stage_runs_once(maker: GraphMaker, marks: Marks, store: Store) -> None:
    data = maker.stage("data")
    for cell in range(12):
        rounds = [maker.stage(f"round {cell % 3}.0", data, kind="round")]
        rounds.append(maker.stage(f"round {cell % 3}.1", rounds[0], kind="round"))
        maker.cell(f"cell {cell}", maker.stage(f"student {cell}", rounds[1], kind="student"))
    began = time.monotonic()
    report = run(maker, store)
    print(f"12 cells, 19 stages: {time.monotonic() - began:.1f} s")
    assert report.exit_status == 0
    assert {cell.status for cell in report.cells} == {"done"}
    assert set(marks.counts("start").values()) == {1}
    assert len(report.executed) == 1 + 6 + 12
    assert len(marks.processes("start")) <= 3, "task processes are kept warm"
