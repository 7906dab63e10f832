"""`track:`: what may stand there, and that it identifies nothing."""

from collections.abc import Callable

import pytest

from ensemble_core.documents import Problem
from w2s_platform.sweepfile.expand import cells
from w2s_platform.sweepfile.models import MlflowSettings, TensorBoardSettings, TrackSettings
from w2s_platform.sweepfile.sweep import Sweep

Load = Callable[[str], Sweep]
Find = Callable[[str], list[Problem]]


@pytest.mark.parametrize(
    "line",
    [
        "track: [mlflow, tensorboard]",
        "track: {tensorboard: {}, mlflow: {}}",
        "track:\n  tensorboard:\n  mlflow:",
    ],
)
def test_names_stand_for_their_defaults(base: str, load: Load, line: str) -> None:
    wanted = TrackSettings(tensorboard=TensorBoardSettings(), mlflow=MlflowSettings())
    assert load(f"{base}{line}\n").track == wanted


def test_a_tracker_alone_and_none_at_all(base: str, load: Load) -> None:
    assert load(base + "track: wandb\n").track.names == ("wandb",)
    assert load(base).track.names == ()


def test_settings_are_kept(base: str, load: Load) -> None:
    text = "track: {mlflow: {uri: 'http://a:1', experiment: e}, wandb: {mode: offline}}\n"
    track = load(base + text).track
    assert track.mlflow == MlflowSettings(uri="http://a:1", experiment="e")
    assert track.wandb is not None
    assert track.wandb.mode == "offline"


def test_where_one_looks_changes_no_key(base: str, load: Load) -> None:
    plain, tracked = load(base), load(base + "track: [tensorboard]\n")
    assert tracked.key == plain.key
    assert [cell.id for cell in cells(tracked)] == [cell.id for cell in cells(plain)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("track: [tensorbord, wandbb]", [
            "12:9: track[0]: `tensorbord` is not known here (allowed: tensorboard, mlflow, wandb; "
            "did you mean `tensorboard`?)",
            "12:21: track[1]: `wandbb` is not known here (allowed: tensorboard, mlflow, wandb; "
            "did you mean `wandb`?)"]),
        ("track: tensorbord", [
            "12:8: track: there is no tracker `tensorbord` (allowed: tensorboard, mlflow, wandb; "
            "did you mean `tensorboard`?)"]),
        ("track: {mlfow: {}}", [
            "12:9: track.mlfow: unknown key (allowed: tensorboard, mlflow, wandb; "
            "did you mean `mlflow`?)"]),
        ("track: {mlflow: {url: x}, wandb: {mode: of}}", [
            "12:18: track.mlflow.url: unknown key (allowed: uri, experiment; did you mean `uri`?)",
            "12:41: track.wandb.mode: `of` is not known here (allowed: online, offline)"]),
        ("track: [mlflow, mlflow]", ["12:17: track[1]: `mlflow` stands here twice"]),
        ("track: []", ["12:8: track: must not be empty"]),
        ("track: {mlflow: true}", ["12:17: track.mlflow: expected a mapping, not true"]),
        ("vary: [{grid: {track: [mlflow]}}]", [
            "12:16: vary[0].grid.track: `track` can't vary (allowed: keys below tasks, experts, "
            "noise, student, baselines, evaluation)"]),
    ],
)  # fmt: skip
def test_mistakes(base: str, problems: Find, line: str, expected: list[str]) -> None:
    found = [str(problem) for problem in problems(f"{base}{line}\n")]
    assert found == [f"f.yaml:{text}" for text in expected]
