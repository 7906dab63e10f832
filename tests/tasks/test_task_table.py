"""Questions through Parquet."""

from pathlib import Path

import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from ensemble_core.tasks.question import Extract, Question
from ensemble_core.tasks.table import questions_from_table, questions_to_table

text = st.text(st.characters(exclude_categories=["Cs"]))
grade = st.none() | st.floats(allow_nan=False, allow_infinity=False) | text
questions = st.builds(
    Question,
    prompt=text,
    answer=text,
    choices=st.lists(text, max_size=4).map(tuple),
    difficulty=grade,
    task=text,
    split=text,
    identity=text,
    attributes=st.dictionaries(text, grade, max_size=2),
    extract=st.none() | st.builds(Extract, text, st.sampled_from(("first", "last")), text),
)


@given(st.lists(questions, max_size=4))
def test_the_same_questions_come_back(given_questions: list[Question]) -> None:
    again = questions_from_table(questions_to_table(given_questions))
    assert again == given_questions
    assert [question.id for question in again] == [question.id for question in given_questions]


def test_through_a_file(tmp_path: Path) -> None:
    given_questions = [Question("p", " a", (" a", " b"), 3.0, "t", "test"), Question("q", "b")]
    pq.write_table(questions_to_table(given_questions), tmp_path / "q.parquet")
    table = pq.read_table(tmp_path / "q.parquet")
    assert questions_from_table(table) == given_questions
    assert table.column("id").to_pylist() == [question.id for question in given_questions]


def test_no_questions_make_an_empty_table() -> None:
    assert questions_to_table([]).num_rows == 0
    assert questions_from_table(questions_to_table([])) == []
