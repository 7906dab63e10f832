"""Jobs on a real Ray head: what arrives, what a repeat does, how they end."""

import sys
import threading
import time
from pathlib import Path

import pytest

from ensemble_core.documents import DocumentErrors
from ensemble_core.errors import InputError
from w2s_platform.running.bundle import make_bundle
from w2s_platform.running.submit import Job, connect_to, hand_over, job_environment, submit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "study.yaml").write_text("sweep: study\n")
    return folder


def python(program: str) -> str:
    return f'{sys.executable} -c "{program}"'


@pytest.mark.slow
def test_a_job_is_followed_and_a_repeat_goes_on(
    ray_head: str,
    folder: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = connect_to(ray_head)
    flag = tmp_path / "flag"
    program = (
        "import os, pathlib, shutil, sys, time; "
        "print(sorted(os.listdir('.')), os.environ['W2S_STORE'], flush=True); "
        "print(shutil.which('w2s'), shutil.which('sh'), flush=True); "
        f"flag = pathlib.Path('{flag}'); "
        "first = not flag.exists(); flag.touch(); "
        "[time.sleep(0.1) for _ in range(600) if first and flag.exists()]; "
        "sys.exit(1 if first else 0)"
    )
    monkeypatch.setenv("W2S_STORE", "/shared")
    job = Job("w2s-study-0123456789", python(program), folder, job_environment())
    said: list[list[str]] = [[], [], []]
    status: dict[int, int] = {}

    def follow(number: int) -> None:
        status[number] = hand_over(client, job, say=said[number].append, show=number == 0)

    threads = [threading.Thread(target=follow, args=(number,)) for number in (0, 1)]
    threads[0].start()
    while not flag.exists():
        time.sleep(0.1)
    threads[1].start()
    while not said[1]:
        time.sleep(0.1)
    flag.unlink()
    for thread in threads:
        thread.join()
    assert status == {0: 1, 1: 1}, "both see how the one job ended"
    assert said[1][0] == "w2s-study-0123456789 is running already: following it"
    printed = capfd.readouterr().out
    assert "['study.yaml'] /shared" in printed
    assert "None" not in printed, "w2s is on the path, and so is what was there"

    flag.touch()
    follow(2)
    assert status[2] == 0
    assert said[2] == [
        "w2s-study-0123456789 has failed: going on from there",
        "submitted as w2s-study-0123456789-2",
    ]


def test_an_address_that_is_none() -> None:
    with pytest.raises(InputError, match="not an address that jobs go to"):
        connect_to("ray://127.0.0.1:10001")
    with pytest.raises(InputError, match="no cluster answers"):
        connect_to("http://127.0.0.1:9")


def test_a_wrong_sweep_file_is_not_submitted(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("swep: x\n")
    with pytest.raises(InputError, match=r"wrong\.yaml"):
        submit(wrong, address="http://127.0.0.1:9")


def test_a_model_that_would_stay_behind_is_named(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(
        "sweep: study\n"
        "tasks: {labelled: nano-letters, transfer: nano-mixed, validation: nano-letters,\n"
        "  id: nano-letters, ood: nano-digits}\n"
        "experts:\n  model: ./weak\nstudent: {model: /shared/strong}\n"
        "track:\n  tensorboard: {folder: events}\n  mlflow: {uri: 'sqlite:////shared/mlflow.db'}\n"
    )
    with pytest.raises(DocumentErrors) as caught:
        make_bundle(study, tmp_path / "bundle")
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems] == [
        "study.yaml:5:10: experts.model: `./weak` does not go to the cluster along "
        "(name it absolutely, at a place that every node reaches)",
        "study.yaml:8:25: track.tensorboard.folder: `events` would be lost with the job "
        "(name it absolutely, at a place that every node reaches)",
    ]
