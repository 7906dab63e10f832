"""A small study in a folder, with a card and questions of its own, and a store to fill by hand."""

import json
import shutil
from pathlib import Path

import pytest
from study_helpers import fill

from w2s_platform.cli.inputs import Study, load_study
from w2s_platform.store import Store, open_store

CARD = """\
task: sums
sources:
  - files: {train: sums.jsonl, validation: sums.jsonl, test: sums.jsonl}
    fields: {question: q, answer: a}
prompt: "{{ question }} ="
answer: " {{ answer }}"
"""
SWEEP = """\
sweep: study
tasks:
  labelled: sums[size=10]
  transfer: sums[size=10]
  validation: sums[size=5]
  id: [sums]
experts: {model: some/weak-model, rounds: 2}
student: {model: some/strong-model}
seeds: 2
vary:
  - grid: {experts.combine: [mean, vote]}
"""


def write_study(folder: Path) -> None:
    """Write `study.yaml`, its card and its data."""
    (folder / "tasks").mkdir()
    (folder / "tasks" / "sums.yaml").write_text(CARD)
    rows = [{"q": f"{n} + 1", "a": str(n + 1)} for n in range(60)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "study.yaml").write_text(SWEEP)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds `study.yaml`, its card and its data, and is the working directory."""
    write_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("W2S_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("W2S_STORE", str(tmp_path / "store"))
    return tmp_path


@pytest.fixture
def study(folder: Path) -> Study:
    return load_study(folder / "study.yaml", folder)


@pytest.fixture
def store(folder: Path) -> Store:
    return open_store()


@pytest.fixture(scope="session")
def finished_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with every stage of the study; to be copied, not used."""
    folder = tmp_path_factory.mktemp("finished")
    write_study(folder)
    fill(open_store(str(folder / "store")), load_study(folder / "study.yaml", folder))
    return folder / "store"


@pytest.fixture
def finished(folder: Path, study: Study, finished_store: Path) -> Study:
    """The study, in a folder whose store has all of it."""
    shutil.copytree(finished_store, folder / "store")
    return study
