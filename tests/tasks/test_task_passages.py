"""Stories of many sections: one row becomes several questions."""

from pathlib import Path
from typing import Any

import pytest
from task_helpers import MakeCard, WriteRows

from ensemble_core.documents import DocumentErrors
from ensemble_core.errors import InputError
from ensemble_core.tasks.questions import load_questions

CARD = """
sources:
  - files: {train: s.jsonl}
    passages: {field: parts, %s}
    fields:
      question: passage.read
      answer: passage.written
      attributes: {book: book, number: passage.number}
answer: "|{{ answer }}"
"""


def told(parts: list[str], passages: str, data: Path, write: WriteRows, make: MakeCard) -> Any:
    write("s.jsonl", [{"parts": ["x", "y"] * 9, "book": "other"}, {"parts": parts, "book": "b"}])
    questions = load_questions(make(CARD % passages), "train", data_root=data)
    mine = [question for question in questions if question.attributes["book"] == "b"]
    return [(q.prompt, q.answer, q.attributes["number"]) for q in mine]


@pytest.mark.parametrize(
    ("passages", "expected"),
    [
        ("read: 1, write: 1", [("a", "|b", 1), ("c", "|d", 2), ("e", "|f", 3)]),
        ("read: 2, write: 1", [("a-b", "|c", 1), ("d-e", "|f", 2)]),
        ("read: 1, write: 2", [("a", "|b-c", 1), ("d", "|e-f", 2)]),
        ("read: 1, write: 3", [("a", "|b-c-d", 1), ("e", "|f-g", 2)]),
        ("read: 1, write: 3, least: 3", [("a", "|b-c-d", 1)]),
        ("read: 4, write: 9", [("a-b-c-d", "|e-f-g", 1)]),
        ("read: 7, write: 1", []),
    ],
)
def test_runs(
    passages: str, expected: Any, data: Path, write_rows: WriteRows, make_card: MakeCard
) -> None:
    found = told(list("abcdefg"), f"{passages}, separator: '-'", data, write_rows, make_card)
    assert found == expected


def test_a_row_without_the_list_is_named(
    data: Path, write_rows: WriteRows, make_card: MakeCard
) -> None:
    card = make_card(CARD % "read: 1")
    for rows, what in (
        ([{"parts": ["a", "b"]}, {"part": ["a", "b"]}], "no field `parts`"),
        ([{"parts": ["a", "b"]}, {"parts": "a b"}], "`parts` is not a list"),
        ([{"parts": ["a", "b"]}, {"parts": ["a", None]}], "`parts.1` is null"),
    ):
        write_rows("s.jsonl", rows)
        with pytest.raises(InputError, match=what) as raised:
            load_questions(card, "train", data_root=data)
        assert str(raised.value.where).endswith("s.jsonl:2")


def test_how_passages_are_cut_decides_the_fingerprint(
    data: Path, write_rows: WriteRows, make_card: MakeCard
) -> None:
    write_rows("s.jsonl", [{"parts": ["a", "b"], "book": "b"}])
    prints = [
        str(make_card(CARD % size).fingerprint(data)) for size in ("read: 1", "read: 2", "read: 1")
    ]
    assert prints[0] == prints[2] != prints[1]


def test_a_generator_has_none(make_card: MakeCard) -> None:
    text = "{generator: {family: letters, difficulties: [1]}, passages: {field: a}}"
    with pytest.raises(DocumentErrors, match="passages: goes without `generator`"):
        make_card(f"sources:\n  - {text}\n")
