"""A study that also goes to TensorBoard and MLflow: the same numbers as in the store."""

import json
import math
import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import laboratory
import pytest
from lab_user import User
from laboratory import Lab

from w2s_platform.cli.inputs import load_study
from w2s_platform.results.boosting import rounds
from w2s_platform.results.rows import load
from w2s_platform.running.tracking.options import Tracking
from w2s_platform.sweepfile.models import MlflowSettings, TrackSettings, WandbSettings

pytestmark = pytest.mark.slow

TEXT = (
    laboratory.SWEEP.replace("sweep: tiny", "sweep: tracked").replace(
        "  ood: [{task: long-copy, size: 16}]",
        "  ood: [{task: long-copy, size: 8}, {task: copy, size: 9}]",
    )
    + "baselines: [floor]\nvary: [{grid: {experts.combine: [vote]}}]\n"
    + "track: [tensorboard, mlflow]\n"
)


@dataclass(frozen=True)
class Tracked:
    """A run that was tracked."""

    user: User
    sweep: Path
    said: str

    @property
    def events(self) -> list[Path]:
        return sorted(self.user.store.glob("tensorboard/**/events.*"))

    def mlflow(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=f"sqlite:///{self.user.store}/mlflow.db")

    def runs(self) -> list[Any]:
        found = self.mlflow().get_experiment_by_name("tracked")
        return self.mlflow().search_runs([found.experiment_id])


@pytest.fixture(scope="module")
def tracked(lab: Lab, ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    user = User(tmp_path_factory.mktemp("tracked") / "store", lab.data)
    sweep = lab.sweep(TEXT, "tracked.yaml")
    answer = user.here("run", sweep)
    assert answer.status == 0, answer.err
    return Tracked(user, sweep, answer.err)


@pytest.fixture(scope="module")
def expected(tracked: Tracked) -> dict[str, float]:
    """Every result row that has a value, by the name that it should have."""
    frame = load(str(tracked.user.store), "tracked")
    slices = frame.groupby("role")["task"].nunique()
    assert slices["ood"] == 2
    return {
        "/".join([row["role"], *([row["task"]] if row["role"] == "ood" else []),
                  row["subject"], row["metric"]]): row["value"]
        for row in frame.to_dict("records")
        if not math.isnan(row["value"])
    }  # fmt: skip


@contextmanager
def trial_of(tracked: Tracked, track: TrackSettings) -> Generator[tuple[Any, Any]]:
    """Follow the finished cell once more, as Tune would: the callback, and the trial."""
    graph = load_study(tracked.sweep, tracked.user.data).graph
    failures: list[str] = []
    tracking = Tracking("tracked", track, failures.append)
    with tracking.of_cells(graph, tracked.user.opened()) as (callback,):
        callback.setup()
        trial = SimpleNamespace(trial_id="again", config={"cell": graph.cells[0].id})
        callback.on_trial_start(0, [], trial)
        yield callback, trial
    assert failures == []


def test_mlflow_holds_the_rows_and_says_whose_they_are(
    tracked: Tracked, expected: dict[str, float]
) -> None:
    (run,) = tracked.runs()
    metrics = {name: value for name, value in run.data.metrics.items() if name[:6] != "round/"}
    assert metrics == expected
    assert "id/ensemble/accuracy" in metrics
    frame, ledger = load(str(tracked.user.store), "tracked"), tracked.user.opened()
    assert run.info.run_name == "tracked combine=vote seed=0"
    assert run.info.status == "FINISHED"
    assert run.data.params.items() >= {
        "experts.combine": "vote", "seed": "0", "sweep": "tracked", "cell": frame["cell"][0],
        "sweep_key": ledger.sweep_versions("tracked")[-1].key[:12],
    }.items()  # fmt: skip


def test_rounds_are_steps(tracked: Tracked) -> None:
    frame = rounds(str(tracked.user.store), "tracked")
    assert list(frame["round"]) == [1, 2, 3]
    (run,), client = tracked.runs(), tracked.mlflow()
    for name in ("error", "alpha", "loss"):
        history = client.get_metric_history(run.info.run_id, f"round/{name}")
        assert {point.step: point.value for point in history} == dict(
            zip(frame["round"], frame[name], strict=True)
        )


def test_rounds_are_shown_while_the_cell_goes_on(tracked: Tracked) -> None:
    client = tracked.mlflow()
    with trial_of(tracked, TrackSettings(mlflow=MlflowSettings(experiment="live"))) as (
        callback,
        _,
    ):
        callback.on_step_end(0, [])
        found = client.get_experiment_by_name("live")
        assert found is not None
        (run,) = client.search_runs([found.experiment_id])
        assert run.info.status == "RUNNING"
        history = client.get_metric_history(run.info.run_id, "round/alpha")
        assert [point.step for point in history] == [1, 2, 3]
        assert "id/ensemble/accuracy" not in run.data.metrics


def test_event_files_hold_the_same(tracked: Tracked, expected: dict[str, float]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (file,) = tracked.events
    assert file.parent.relative_to(tracked.user.store) == Path(
        "tensorboard/tracked/combine=vote_seed=0"
    )
    events = EventAccumulator(str(file.parent)).Reload()
    tags = [tag for tag in events.Tags()["scalars"] if not tag.startswith("round/")]
    assert {tag: events.Scalars(tag)[-1].value for tag in tags} == pytest.approx(expected, 1e-6)
    alphas = [(point.step, point.value) for point in events.Scalars("round/alpha")]
    frame = rounds(str(tracked.user.store), "tracked")
    assert [step for step, _ in alphas] == [1, 2, 3]
    assert [value for _, value in alphas] == pytest.approx(list(frame["alpha"]))


def test_event_files_compare_settings(tracked: Tracked, expected: dict[str, float]) -> None:
    """What TensorBoard's page for hyper-parameters reads."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    (file,) = tracked.events
    events = EventAccumulator(str(file.parent)).Reload()
    told = {
        tag: HParamsPluginData.FromString(
            events.SummaryMetadata(f"_hparams_/{tag}").plugin_data.content
        )
        for tag in ("experiment", "session_start_info")
    }
    settings = told["session_start_info"].session_start_info.hparams
    assert settings["experts.combine"].string_value == "vote"
    metrics = {info.name.tag for info in told["experiment"].experiment.metric_infos}
    assert metrics == set(expected)


def test_a_second_run_adds_nothing(tracked: Tracked) -> None:
    before = tracked.events, [run.info.run_id for run in tracked.runs()]
    assert tracked.user.here("run", tracked.sweep).status == 0
    assert (tracked.events, [run.info.run_id for run in tracked.runs()]) == before


def test_trackers_say_nothing_and_change_nothing(tracked: Tracked, lab: Lab) -> None:
    assert "warning" not in tracked.said
    assert "mlflow" not in tracked.said
    plain = lab.sweep(TEXT.replace("track: [tensorboard, mlflow]\n", ""), "untracked.yaml")
    planned = tracked.user.here("plan", plain, "--json").json["stages"]
    assert {stage["status"] for stage in planned} == {"cached"}


def test_wandb_keeps_an_offline_run(
    tracked: Tracked, expected: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="needs the extra `wandb`")
    monkeypatch.setenv("WANDB_MODE", "offline")
    with trial_of(tracked, TrackSettings(wandb=WandbSettings(mode="offline"))) as (callback, trial):
        callback.on_trial_result(0, [], trial, {"status": "failed", "error": "it diverged"})
        callback.on_trial_complete(0, [], trial)
    (file,) = tracked.user.store.glob("wandb/offline-run-*/*.wandb")
    history, config = read_wandb(file)
    assert history.items() >= expected.items()
    assert history["round/alpha"] == list(rounds(str(tracked.user.store), "tracked")["alpha"])[-1]
    assert (config["status"], config["error"]) == ("failed", "it diverged")
    assert config["experts.combine"] == "vote"


def read_wandb(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The newest value of each metric, and the config, in an offline run."""
    from wandb.proto.wandb_internal_pb2 import Record

    history, config = dict[str, Any](), dict[str, Any]()
    for data in logged(file.read_bytes()):
        record = Record.FromString(data)
        for item in record.history.item:
            history["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
        for item in (*record.run.config.update, *record.config.update):
            config["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
    return history, config


def logged(data: bytes) -> Iterator[bytes]:
    """The records of a log in LevelDB's format, behind W&B's own seven bytes.

    A block has 32 KiB; each piece in it has a checksum, a length, and a kind: whole (1), first (2),
    middle (3) or last (4) of its record.
    """
    block, place, parts = 2**15, 7, list[bytes]()
    while place < len(data):
        if block - place % block < 7:
            place += block - place % block
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        parts.append(data[place + 7 : place + 7 + length])
        place += 7 + length
        if kind in (1, 4):
            yield b"".join(parts)
            parts.clear()
