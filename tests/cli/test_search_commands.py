"""What `validate`, `plan` and the trials' table show of a sweep with a `search:`."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from study_helpers import run

from w2s_platform.cli.inputs import Study, load_study
from w2s_platform.cli.render.trials import trials_layout
from w2s_platform.cli.searching import Recording, problems_of, search
from w2s_platform.results.ledger import read_ledger
from w2s_platform.running import study as studies
from w2s_platform.running.options import RunOptions
from w2s_platform.running.progress import QuietDisplay
from w2s_platform.running.report import RunReport
from w2s_platform.running.search import SearchReport
from w2s_platform.running.snapshot import Snapshot
from w2s_platform.running.space import Space
from w2s_platform.running.study import TrialRecord
from w2s_platform.store import Store
from w2s_platform.sweepfile.search import Objective

SEARCH = """
search:
  space:
    experts.training.learning_rate: {type: float, low: 0.001, high: 0.01}
  trials: 5
  objective: {metric: accuracy}
"""


@pytest.fixture
def searched(folder: Path) -> Study:
    """The study with a search, at each of the two points that it varies."""
    with (folder / "study.yaml").open("a") as file:
        file.write(SEARCH)
    return load_study(folder / "study.yaml", folder)


def make_a_trial(study: Study, store: Store, number: int = 0) -> None:
    """Leave one finished trial in one of the study's searches."""
    problem = problems_of(study)[number]
    store.prepare()
    storage = studies.open_storage(problem.settings, store, problem.study)
    held = studies.open_study(problem.settings, storage, problem.study)
    trial = held.ask()
    Space(problem.settings.space, problem.value_of)(trial)
    held.tell(trial, 0.5)


def stop_a_trial(study: Study, store: Store, *, after: int) -> None:
    """Leave a trial in the first of the study's searches that its scheduler stopped."""
    problem = problems_of(study)[0]
    store.prepare()
    storage = studies.open_storage(problem.settings, store, problem.study)
    held = studies.open_study(problem.settings, storage, problem.study)
    trial = held.ask()
    Space(problem.settings.space, problem.value_of)(trial)
    trial.set_user_attr(studies.STEPS, after)
    held.tell(trial, state=TrialState.PRUNED)


def test_validate_counts_searches_and_trials(
    searched: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    text = run(capsys, "validate", "study.yaml")
    assert "2 searches of 5 trials with 2 seeds each" in text


def test_a_plan_before_any_trial_has_no_cells_and_writes_nothing(
    folder: Path, searched: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    text = run(capsys, "plan", "study.yaml")
    assert "0 cells" in text
    assert text.count("0 of 5 trials made") == 2
    assert not (folder / "store").exists()


def test_a_plan_knows_the_cells_of_the_trials_so_far(
    searched: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    make_a_trial(searched, store)
    plan = json.loads(run(capsys, "plan", "study.yaml", "--json"))
    assert [cell["seed"] for cell in plan["cells"]] == [0, 1]
    rates = {cell["varied"]["experts.training.learning_rate"] for cell in plan["cells"]}
    assert len(rates) == 1
    assert "1 of 5 trials made" in run(capsys, "plan", "study.yaml")


def test_of_a_trial_that_was_stopped_early_no_more_is_to_be_run_than_it_asked_for(
    searched: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_a_trial(searched, store, after=1)
    stopped = json.loads(run(capsys, "plan", "study.yaml", "--json"))
    assert "1 of 5 trials made, 1 of them stopped early" in run(capsys, "plan", "study.yaml")
    make_a_trial(searched, store)
    whole = json.loads(run(capsys, "plan", "study.yaml", "--json"))
    assert [len(plan["cells"]) for plan in (stopped, whole)] == [2, 4]
    judged = problems_of(searched)[0].configuration(stopped["cells"][0]["varied"]).steps[0]
    wanted = {key for cell in stopped["cells"] for key in cell["stages"]}
    assert wanted == {stage["key"] for stage in stopped["stages"]}
    assert wanted >= set(judged)
    kinds = [Counter(plan_kinds(plan, plan["cells"][-1])) for plan in (stopped, whole)]
    assert kinds[0]["round"] == 1 < kinds[1]["round"]
    assert kinds[0]["student"] == 0 < kinds[1]["student"]


def plan_kinds(plan: dict[str, Any], cell: dict[str, Any]) -> list[str]:
    kind = {stage["key"]: stage["kind"] for stage in plan["stages"]}
    return [kind[key] for key in cell["stages"]]


def combiners_recorded(store: Store) -> list[object]:
    return [cell.varied["experts.combine"] for cell in read_ledger(store, "study").cells]


def test_a_search_that_is_cut_short_is_recorded_with_all_trials_so_far(
    searched: Study, store: Store
) -> None:
    for number in (0, 1):
        make_a_trial(searched, store, number)

    def interrupted() -> QuietDisplay:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(searched, RunOptions(store.url), store, interrupted)
    assert combiners_recorded(store) == ["mean", "mean", "vote", "vote"]


def test_a_run_that_has_nothing_to_do_leaves_the_whole_record(folder: Path, store: Store) -> None:
    file = folder / "study.yaml"
    file.write_text(file.read_text() + SEARCH.replace("trials: 5", "trials: 1"))
    study = load_study(file, folder)
    for number in (0, 1):
        make_a_trial(study, store, number)
    reports = search(study, RunOptions(store.url), store, QuietDisplay)
    assert [len(report.trials) for report in reports] == [1, 1]
    assert combiners_recorded(store) == ["mean", "mean", "vote", "vote"]


def test_a_search_is_recorded_now_and_then_while_it_runs() -> None:
    now, kept = [0.0], list[float]()

    def keep() -> None:
        kept.append(now[0])
        raise OSError("a full disk ends no display")

    recording = Recording(QuietDisplay(), keep, every=60, clock=lambda: now[0])
    for now[0] in range(0, 4000, 10):
        recording.show(Snapshot("study", now[0], (), ()))
    pauses = [second - first for first, second in pairwise(kept)]
    assert kept[0] == 60
    assert pauses == sorted(pauses)
    assert pauses[0] == 60
    assert 300 <= pauses[-1] <= 400, "a tenth of the time so far"


def test_a_study_that_was_loaded_by_a_relative_data_root_works_from_elsewhere(
    searched: Study,
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = load_study(folder / "study.yaml", Path())
    problem = problems_of(study)[0]
    rate = {"experts.training.learning_rate": 0.002}
    here = problem.configuration(rate)
    monkeypatch.chdir(tmp_path_factory.mktemp("trial"))
    assert problem.configuration(rate).steps == here.steps


def test_the_trials_table_marks_the_best() -> None:
    made = (
        TrialRecord(0, {"experts.count": 2}, "finished", 0.41, 3),
        TrialRecord(1, {"experts.count": 4}, "finished", 0.52, 3),
        TrialRecord(2, {"experts.count": 1}, "stopped", 0.6, 1),
        TrialRecord(3, {"experts.count": 8}, "failed", None, 0, error="no seed has a value"),
        TrialRecord(4, {"experts.count": 6}, "failed", None, 0, error="no seed has a value"),
    )
    ran = RunReport("study", (), (), 1.0)
    layout = trials_layout(SearchReport("study-1", made, ran, "max"), Objective(metric="accuracy"))
    assert layout.columns == ("trial", "count", "accuracy", "rounds", "state")
    assert [row.cells for row in layout.rows] == [
        ("0", "2", "41.0", "3", "finished"),
        ("1", "4", "52.0", "3", "finished"),
        ("2", "1", "60.0", "1", "stopped"),
        ("3", "8", "–", "0", "failed"),
        ("4", "6", "–", "0", "failed"),
    ]
    assert [row.style for row in layout.rows] == ["", "bold", "", "", ""]
    assert layout.notes == ("best so far: trial 1", "trials 3, 4 failed: no seed has a value")
