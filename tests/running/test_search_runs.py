"""Searches through Ray Tune and Optuna, on a real store."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from run_helpers import Marks, work
from search_problem import Parabola, settings_for

from ensemble_core.errors import InputError
from w2s_platform.running import search as searches
from w2s_platform.running.cluster import Cluster
from w2s_platform.running.options import RunOptions
from w2s_platform.running.policy import Policy
from w2s_platform.running.search import SearchReport, run_search
from w2s_platform.store import Store
from w2s_platform.sweepfile.resources import ResourceSettings

pytestmark = pytest.mark.usefixtures("ray_work")


def search(problem: Parabola, store: Store, concurrency: int = 1, **policy: Any) -> SearchReport:
    options = RunOptions(store.url, concurrency=concurrency, policy=Policy(backoff=0.05, **policy))
    return run_search(problem, options, execute=work)


def test_a_search_continues_where_it_ended(tmp_path: Path, store: Store, marks: Marks) -> None:
    problem = Parabola(settings_for(3), tmp_path / "marks")
    first = search(problem, store)
    assert [trial.state for trial in first.trials] == ["finished"] * 3
    before = marks.counts("start")
    second = search(replace(problem, settings=settings_for(5)), store)
    assert [t.values for t in second.trials[:3]] == [t.values for t in first.trials]
    assert len(second.trials) == 5
    assert len({trial.values["x"] for trial in second.trials}) == 5, "a resumed sampler repeats"
    assert {name: marks.counts("start")[name] for name in before} == before
    third = search(replace(problem, settings=settings_for(5)), store)
    assert third.run.stages == ()
    best = third.best
    assert best is not None
    assert abs(best.values["x"] - 0.3) == min(abs(t.values["x"] - 0.3) for t in third.trials)
    mean_of_seeds = 1 - (best.values["x"] - 0.3) ** 2 + 0.0005
    assert best.objective == pytest.approx(mean_of_seeds)


def test_successive_halving_stops_the_bad_and_tests_the_good(
    tmp_path: Path, store: Store, marks: Marks
) -> None:
    xs = [0.3, 0.9, 0.8, 0.31, 0.95, 0.7]
    space = {"x": {"type": "categorical", "choices": xs}}
    settings = settings_for(
        6,
        space=space,
        sampler="grid",
        scheduler={"asha": {"grace_period": 1, "reduction_factor": 2}},
    )
    report = search(Parabola(settings, tmp_path / "marks", rounds=4), store)
    states = {trial.values["x"]: trial.state for trial in report.trials}
    assert states[0.3] == "finished", "the first trial has nobody to lose against"
    assert {states[x] for x in (0.9, 0.8, 0.95, 0.7)} == {"stopped"}
    tested = {x for x in xs for seed in (0, 1) if marks.count("start", f"test {x:.6f}-{seed}")}
    assert tested == {x for x, state in states.items() if state == "finished"}
    assert report.best is not None
    assert report.best.values["x"] == 0.3
    stopped = next(trial for trial in report.trials if trial.values["x"] == 0.9)
    assert stopped.steps == 1
    assert marks.count("start", "round 0.900000-0-2") == 0


def test_a_failed_configuration_does_not_stop_the_others(tmp_path: Path, store: Store) -> None:
    space = {"x": {"type": "categorical", "choices": [0.1, 0.2, 0.3]}}
    settings = settings_for(3, space=space, sampler="grid")
    report = search(Parabola(settings, tmp_path / "marks", failing=(0.2,)), store, concurrency=2)
    states = {trial.values["x"]: trial.state for trial in report.trials}
    assert states == {0.1: "finished", 0.2: "failed", 0.3: "finished"}
    failed = next(trial for trial in report.trials if trial.state == "failed")
    assert "no good" in (failed.error or "")
    assert report.exit_status == 1


@pytest.mark.parametrize("role", ["experts", "students"])
def test_what_this_machine_can_never_give_is_refused_before_any_trial(
    role: str, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = Cluster(cpus=2, gpus=0, nodes=1, embedded=True)
    monkeypatch.setattr(searches, "connect", lambda *_, **__: nullcontext(laptop))
    resources = ResourceSettings.model_validate({role: {"gpus_per_worker": 1}})
    options = RunOptions.of(resources, store_url=store.url)
    problem = Parabola(settings_for(1), tmp_path / "marks", rounds=1, seeds=1)
    with pytest.raises(InputError, match=f"the training of {role} asks for 1 GPUs"):
        run_search(problem, options, execute=work)


def test_a_used_up_budget_ends_a_search_that_can_go_on(tmp_path: Path, store: Store) -> None:
    problem = Parabola(settings_for(4), tmp_path / "marks", rounds=2, seeds=1)
    ended = search(problem, store, time_budget=0.0)
    assert (ended.trials, ended.lacking, ended.exit_status) == ((), 4, 1)
    gone_on = search(problem, store)
    assert [trial.state for trial in gone_on.trials] == ["finished"] * 4
    assert gone_on.exit_status == 0
