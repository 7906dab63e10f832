"""Questions as a table, for Parquet. pyarrow is imported when one is made or read."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ensemble_core.tasks.question import Extract, Question

if TYPE_CHECKING:
    import pyarrow as pa


def questions_to_table(questions: Sequence[Question]) -> "pa.Table":
    """One row per question, in order; `questions_from_table` gives the same questions back.

    Columns: id, task, split, prompt, answer, choices (list of text), difficulty (as text),
    difficulty_number (null for words), identity, and attributes and extract as JSON.
    """
    import pyarrow as pa

    schema = pa.schema(
        [(name, pa.string()) for name in ("id", "task", "split", "prompt", "answer")]
        + [("choices", pa.list_(pa.string())), ("difficulty", pa.string())]
        + [("difficulty_number", pa.float64())]
        + [(name, pa.string()) for name in ("identity", "attributes", "extract")]
    )
    return pa.Table.from_pylist([_row(question) for question in questions], schema=schema)


def questions_from_table(table: "pa.Table") -> list[Question]:
    """The questions of a table that `questions_to_table` made."""
    return [_question(row) for row in table.to_pylist()]


def _row(question: Question) -> dict[str, Any]:
    number = question.difficulty if isinstance(question.difficulty, (int, float)) else None
    return {
        "id": question.id,
        "task": question.task,
        "split": question.split,
        "prompt": question.prompt,
        "answer": question.answer,
        "choices": question.choices,
        "difficulty": None if question.difficulty is None else str(question.difficulty),
        "difficulty_number": number,
        "identity": question.identity,
        "attributes": json.dumps(dict(question.attributes), ensure_ascii=False),
        "extract": json.dumps(vars(question.extract)) if question.extract else None,
    }


def _question(row: dict[str, Any]) -> Question:
    number = row["difficulty_number"]
    return Question(
        prompt=row["prompt"],
        answer=row["answer"],
        choices=tuple(row["choices"]),
        difficulty=row["difficulty"] if number is None else number,
        task=row["task"],
        split=row["split"],
        identity=row["identity"],
        attributes=json.loads(row["attributes"]),
        extract=Extract(**json.loads(row["extract"])) if row["extract"] else None,
    )
