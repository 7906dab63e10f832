"""Trackers beside a run: real MLflow stores and event files, and servers that are away."""

import resource
import socket
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from run_helpers import GraphMaker, work
from search_problem import Parabola, settings_for

from ensemble_core.documents import DocumentErrors, parse
from w2s_platform.graph.model import Graph
from w2s_platform.running.options import RunOptions
from w2s_platform.running.policy import Policy
from w2s_platform.running.search import run_search
from w2s_platform.running.sweep import run_sweep
from w2s_platform.running.tracking import options as trackers
from w2s_platform.running.tracking.options import Tracking
from w2s_platform.store import Store
from w2s_platform.sweepfile.load import check_sweep
from w2s_platform.sweepfile.models import TrackSettings

QUICK = Policy(retries=0, backoff=0.05, poll=0.2)
SWEEP = """\
sweep: demo
tasks: {labelled: add, transfer: add, validation: add, id: [add]}
experts: {model: nano-s}
student: {model: nano-l}
track: [tensorboard, mlflow]
"""
BOTH: Mapping[str, Any] = {"tensorboard": {}, "mlflow": {}}


@pytest.fixture
def warnings() -> list[str]:
    return []


def tracking(settings: Mapping[str, Any], warnings: list[str]) -> Tracking:
    return Tracking("small", TrackSettings.model_validate(settings), warnings.append)


def mlflow_runs(store: Store, experiment: str = "small") -> dict[str, Any]:
    """The runs of the store's own MLflow database, by name."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{store.backend.local_path('mlflow.db')}")
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs = client.search_runs([found.experiment_id])
    assert len({run.info.run_name for run in runs}) == len(runs)
    return {str(run.info.run_name): run for run in runs}


def written_texts(folder: Path) -> dict[str, str]:
    """The texts in the event files of a folder, by tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {
        tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode()
        for tag in events.Tags()["tensors"]
    }


def two_cells(maker: GraphMaker) -> Graph:
    """One cell that comes to its end, and one that fails."""
    maker.cell("good", maker.stage("good"), seed=1)
    maker.cell("bad", maker.stage("bad", fail="it diverged"))
    graph = maker.graph()
    good, bad = graph.cells
    varied = {"experts.unit": "window", "experts.model": {"nano": "nano-s"}}
    return replace(graph, cells=(replace(good, varied=varied), replace(bad, varied={"rate": 0.5})))


@pytest.mark.usefixtures("ray_work")
def test_each_cell_is_one_run_and_failures_are_marked(
    maker: GraphMaker, store: Store, warnings: list[str]
) -> None:
    options = RunOptions(store.url, policy=QUICK, tracking=tracking(BOTH, warnings))
    report = run_sweep(two_cells(maker), options, execute=work)
    assert [cell.status for cell in report.cells] == ["done", "failed"]
    runs = mlflow_runs(store)
    good = runs.pop('small unit=window model={"nano": "nano-s"} seed=1')
    bad = runs.pop("small rate=0.5 seed=0")
    assert runs == {}
    assert good.info.status == "FINISHED"
    assert good.data.params.items() >= {
        "experts.unit": "window", "experts.model": '{"nano": "nano-s"}', "seed": "1",
        "cell": "good", "sweep": "small",
    }.items()  # fmt: skip
    assert "error" not in good.data.tags
    assert bad.info.status == "FAILED"
    assert "it diverged" in bad.data.tags["error"]
    folder = store.backend.local_path("tensorboard") / "small"
    assert {path.name for path in folder.iterdir()} == {
        "unit=window_model=_nano_nano-s_seed=1", "rate=0.5_seed=0",
    }  # fmt: skip
    (failure,) = written_texts(folder / "rate=0.5_seed=0").values()
    assert "it diverged" in failure
    assert warnings == []


@pytest.mark.usefixtures("ray_work")
def test_a_server_that_is_away_costs_one_line_and_nothing_else(
    maker: GraphMaker, store: Store, tmp_path: Path, warnings: list[str]
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but nobody listens: connections are refused
        uri = f"http://127.0.0.1:{unused.getsockname()[1]}"
        settings = {"mlflow": {"uri": uri}, "tensorboard": {"folder": str(tmp_path / "events")}}
        options = RunOptions(store.url, policy=QUICK, tracking=tracking(settings, warnings))
        for number in range(3):
            maker.cell(f"cell {number}", maker.stage(f"stage {number}"), seed=number)
        began = time.monotonic()
        report = run_sweep(maker.graph(), options, execute=work)
    assert report.exit_status == 0
    assert time.monotonic() - began < 60, "MLflow's own retries take minutes"
    (warning,) = warnings
    assert warning.startswith("warning: nothing more goes to mlflow in this run: ")
    assert "\n" not in warning
    folders = (tmp_path / "events" / "small").iterdir()
    assert {path.name for path in folders} == {"seed=0", "seed=1", "seed=2"}


@pytest.mark.usefixtures("ray_work")
def test_each_configuration_of_a_search_is_one_run(
    tmp_path: Path, store: Store, warnings: list[str]
) -> None:
    space = {"x": {"type": "categorical", "choices": [0.3, 0.9, 0.2]}}
    asha = {"asha": {"grace_period": 1, "reduction_factor": 2}}
    settings = settings_for(3, space=space, sampler="grid", scheduler=asha)
    problem = Parabola(
        settings, tmp_path / "marks", rounds=2, failing=(0.2,), varied={"experts.unit": "token"}
    )
    wanted = tracking({"mlflow": {"experiment": "parabola"}}, warnings)
    options = RunOptions(store.url, concurrency=1, policy=QUICK, tracking=wanted)
    report = run_search(problem, options, execute=work)
    assert [trial.state for trial in report.trials] == ["finished", "stopped", "failed"]
    runs = mlflow_runs(store, "parabola")
    endings = {name: run.info.status for name, run in runs.items()}
    assert endings == {
        "small unit=token x=0.3": "FINISHED",
        "small unit=token x=0.9": "KILLED",
        "small unit=token x=0.2": "FAILED",
    }
    assert runs["small unit=token x=0.9"].data.tags["error"] == "the search's scheduler stopped it"
    assert "no good" in runs["small unit=token x=0.2"].data.tags["error"]
    best = runs["small unit=token x=0.3"]
    assert best.data.params.items() >= {"x": "0.3", "study": "parabola", "sweep": "small"}.items()
    assert objectives(store, best.info.run_id) == {
        1: pytest.approx(0.5 + 0.0005), 2: pytest.approx(1 + 0.0005),
    }  # fmt: skip
    assert warnings == []


def objectives(store: Store, run: str) -> dict[int, float]:
    """The objective by round, as MLflow has it."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{store.backend.local_path('mlflow.db')}")
    return {point.step: point.value for point in client.get_metric_history(run, "objective")}


def test_an_interrupted_run_is_left_closed(
    maker: GraphMaker, store: Store, warnings: list[str]
) -> None:
    def interrupted() -> None:
        with tracking(BOTH, warnings).of_cells(two_cells(maker), store) as (callback,):
            callback.setup()
            trial = SimpleNamespace(trial_id="t1", config={"cell": "bad"})
            callback.on_trial_start(0, [], trial)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (run,) = mlflow_runs(store).values()
    assert run.info.status == "KILLED"
    assert run.data.tags["error"] == "the run ended before it"
    assert warnings == []


def test_a_full_disk_costs_one_line(maker: GraphMaker, store: Store, warnings: list[str]) -> None:
    with tracking({"tensorboard": {}}, warnings).of_cells(two_cells(maker), store) as (callback,):
        callback.setup()
        trial = SimpleNamespace(trial_id="t1", config={"cell": "good"})
        callback.on_trial_start(0, [], trial)
        with files_of_at_most(64):
            for number in range(1, 30):
                callback.on_trial_result(0, [], trial, {"objective": 0.5, "round": number})
    (warning,) = warnings
    assert warning.startswith("warning: nothing more goes to tensorboard in this run: OSError")


@contextmanager
def files_of_at_most(size: int) -> Generator[None]:
    """Let this process write no file any larger, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_missing_package_is_said_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = check_sweep(parse(SWEEP, path="f.yaml"))
    assert Tracking.of(sweep).settings == sweep.track
    monkeypatch.setitem(trackers.PACKAGES, "mlflow", "no_such_package")
    with pytest.raises(DocumentErrors) as caught:
        Tracking.of(sweep)
    assert str(caught.value) == (
        "f.yaml:5:8: track.mlflow: mlflow needs the package `no_such_package` "
        "(pip install 'w2s-platform[mlflow]')"
    )
