"""Cards and data files for the tests of tasks."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from task_helpers import REPO, MakeCard, WriteRows

from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.cards import load_card


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real question sets."""
    folder = Path(os.environ.get("W2S_DATA_DIR") or REPO / "../shared/data")
    if not (folder / "arc_easy").is_dir():
        pytest.skip(f"no real question sets in {folder}; set W2S_DATA_DIR")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty data root."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def write_rows(data: Path) -> WriteRows:
    """Write rows to a JSONL file below the data root."""

    def write(name: str, rows: Iterable[dict[str, Any]]) -> Path:
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


@pytest.fixture
def make_card(tmp_path: Path) -> MakeCard:
    """A card file from text, read; its name is `quiz`."""

    def make(text: str) -> TaskCard:
        path = tmp_path / "quiz.yaml"
        path.write_text(f"task: quiz\n{text}")
        return load_card(path)

    return make


@pytest.fixture
def graded(write_rows: WriteRows, make_card: MakeCard) -> TaskCard:
    """Sixty train and thirty test questions, graded 0 to 4 (one in six not), with a topic."""

    def rows(split: str, count: int) -> list[dict[str, Any]]:
        return [
            {
                "question": f"{split} {n} + 1 =",
                "answer": str(n + 1),
                "level": None if n % 6 == 5 else n % 6,
                "topic": "odd" if n % 2 else "even",
            }
            for n in range(count)
        ]

    write_rows("train.jsonl", rows("train", 60))
    write_rows("test.jsonl", rows("test", 30))
    return make_card(
        "sources:\n"
        "  - files: {train: train.jsonl, test: test.jsonl}\n"
        "    fields: {answer: answer, difficulty: level, attributes: {topic: topic}}\n"
        "groups: {difficulty: {easy: [0, 1], hard: 3..}}\n"
    )
