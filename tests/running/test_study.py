"""The study behind a search: what is drawn, what is counted, what a dead driver leaves."""

import threading
import time
from collections import Counter
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from search_problem import settings_for

from ensemble_core.errors import InputError
from w2s_platform.running import study as studies
from w2s_platform.running.space import Space
from w2s_platform.store import Store
from w2s_platform.sweepfile.search import SearchSettings

MIXED = {
    "student.loss": {"type": "categorical", "choices": ["plain", {"name": "aux", "weight": 0.5}]},
    "experts.rate": {
        "type": "float",
        "low": 1e-4,
        "high": 1e-1,
        "log": True,
        "when": {"mode": "a"},
    },
    "mode": {"type": "categorical", "choices": ["a", "b"]},
    "experts.rounds": {"type": "int", "low": 2, "high": 8, "step": 2, "when": {"fixed": [1, 2]}},
}


def space_of(settings: SearchSettings, **fixed: Any) -> Space:
    return Space(settings.space, fixed.__getitem__)


def open_study(settings: SearchSettings, store: Store, name: str = "study") -> optuna.Study:
    storage = studies.open_storage(settings, store, name)
    return studies.open_study(settings, storage, name)


@pytest.mark.parametrize("fixed", [1, 3])
def test_values_are_drawn_where_their_conditions_hold(fixed: int) -> None:
    space = space_of(settings_for(9, space=MIXED), fixed=fixed)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [space(study.ask()) for _ in range(60)]
    assert {point["mode"] for point in drawn} == {"a", "b"}
    assert all(("experts.rate" in point) == (point["mode"] == "a") for point in drawn)
    assert all(("experts.rounds" in point) == (fixed == 1) for point in drawn)
    assert {point.get("experts.rounds", 2) for point in drawn} <= {2, 4, 6, 8}
    assert {str(point["student.loss"]) for point in drawn} == {
        "plain", "{'name': 'aux', 'weight': 0.5}"
    }  # fmt: skip
    found = [space.decode(trial.params) for trial in study.get_trials()]
    assert found == drawn


def test_a_grid_has_every_point() -> None:
    space = {
        "a": {"type": "float", "low": 0.0, "high": 0.3, "step": 0.1},
        "b": {"type": "int", "low": 1, "high": 5, "step": 2},
        "c": {"type": "categorical", "choices": ["x", ["y"]]},
    }
    grid = space_of(settings_for(9, space=space)).grid()
    assert len(grid) == 4 * 3 * 2
    assert len({str(point) for point in grid}) == len(grid)
    assert {point["b"] for point in grid} == {1, 3, 5}
    assert max(point["a"] for point in grid) == pytest.approx(0.3)


def test_a_grid_too_large_to_list_is_refused() -> None:
    axis = {"type": "int", "low": 1, "high": 1000}
    with pytest.raises(InputError, match="more than 100,000 points"):
        space_of(settings_for(9, space={"a": axis, "b": axis})).grid()


def test_what_a_dead_driver_left_half_done_is_drawn_again(store: Store) -> None:
    settings = settings_for(5)
    first = open_study(settings, store)
    space = space_of(settings)
    done, running = first.ask(), first.ask()
    space(done)
    values = space(running)
    first.tell(done, 1.0)

    second = open_study(settings, store)
    assert studies.done(second) == 1
    assert [record.state for record in studies.records(second, space)] == ["finished"]
    assert space(second.ask()) == values
    third = open_study(settings, store)
    assert len([t for t in third.get_trials() if t.state == TrialState.WAITING]) == 1


def test_only_trials_that_need_no_repetition_count(store: Store) -> None:
    settings = settings_for(9)
    study, space = open_study(settings, store), space_of(settings)
    for state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL):
        trial = study.ask()
        space(trial)
        trial.report(0.5, 1)
        if state == TrialState.FAIL:
            trial.set_user_attr(studies.ERROR, "it diverged")
        study.tell(trial, 1.0 if state == TrialState.COMPLETE else None, state=state)
    assert studies.done(study) == 3
    failed = studies.records(study, space)[-1]
    assert (failed.state, failed.error, failed.objective) == ("failed", "it diverged", 0.5)

    studies.queue_failed(study)
    assert studies.done(study) == 2
    again = study.ask()
    assert space(again) == failed.values
    study.tell(again, 2.0)
    assert studies.done(study) == 3
    studies.queue_failed(study)
    assert studies.done(study) == 3, "what has been repeated is not queued again"


def test_a_grid_is_queued_once(store: Store) -> None:
    settings = settings_for(9, space={"b": {"type": "int", "low": 1, "high": 5}}, sampler="grid")
    space = space_of(settings)
    study = open_study(settings, store)
    studies.queue_grid(study, space.grid(), 2)
    studies.queue_grid(study, space.grid(), 9)
    for _ in range(5):
        trial = study.ask()
        space(trial)
        study.tell(trial, 1.0)
    drawn = Counter(record.values["b"] for record in studies.records(study, space))
    assert drawn == dict.fromkeys(range(1, 6), 1)


def test_a_resumed_sampler_does_not_repeat_itself() -> None:
    def first_draw(seen: int) -> float:
        sampler = studies.make_sampler(settings_for(9, sampler="random"), seen)
        return optuna.create_study(sampler=sampler).ask().suggest_float("x", 0, 1)

    assert first_draw(0) == first_draw(0)
    assert first_draw(0) != first_draw(3)


def test_one_driver_at_a_time_draws(store: Store) -> None:
    events: list[str] = []

    def other() -> None:
        with studies.only_driver(store, "study", lambda: events.append("waits")):
            events.append("second")

    thread = threading.Thread(target=other)
    with studies.only_driver(store, "study", lambda: events.append("first waits")):
        thread.start()
        while not events:
            time.sleep(0.01)
        events.append("first")
    thread.join()
    assert events == ["waits", "first", "second"]
