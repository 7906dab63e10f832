"""From rows to questions: the ways in which question sets say what is right."""

from typing import Any

import pytest
from task_helpers import MakeCard, WriteRows

from ensemble_core.errors import InputError
from ensemble_core.tasks.question import Question
from ensemble_core.tasks.questions import load_pool, load_questions

ARC = {"question": "Q?", "choices": {"text": ["x", "y", "z"], "label": ["1", "2", "3"]}}

TWO = {"question": "Q", "o": ["a", "b"]}
BY_INDEX = "choices: o, answer_index: k"
BY_LABEL = "choices: choices.text, answer_label: key"
SHUFFLED = "answer: r, distractors: [d1]"
GRADED = "answer: answer, difficulty: d"


@pytest.fixture
def read(data: Any, write_rows: WriteRows, make_card: MakeCard) -> Any:
    """Questions of rows under a card's `fields` and what else it says."""

    def read(rows: list[dict[str, Any]], fields: str, rest: str = "") -> list[Question]:
        write_rows("q.jsonl", rows)
        text = f"sources:\n  - files: {{train: q.jsonl}}\n    fields: {{{fields}}}\n{rest}\n"
        return load_questions(make_card(text), "train", data_root=data)

    return read


@pytest.mark.parametrize(
    ("row", "fields", "choices", "index"),
    [
        (
            {**ARC, "answerKey": "2"},
            "choices: choices.text, labels: choices.label, answer_label: answerKey",
            ("x", "y", "z"),
            1,
        ),
        ({**ARC, "key": "C"}, "choices: choices.text, answer_label: key", ("x", "y", "z"), 2),
        (
            {"question": "Q?", "goal": 1, "s1": "a", "s2": "b"},
            "choices: [s1, s2], answer_index: goal",
            ("a", "b"),
            1,
        ),
        (
            {"question": "Q?", "answer": "2", "o": ["a", "b"]},
            "choices: o, answer_index: answer, index_from: 1",
            ("a", "b"),
            1,
        ),
        (
            {"question": "Q?", "answer": True},
            "choices: {values: ['no', 'yes']}, answer_index: answer",
            ("no", "yes"),
            1,
        ),
        (
            {"question": "Q?", "answer": "b", "o": "a | b"},
            "choices: {field: o, separator: '|'}, answer: answer",
            ("a", "b"),
            1,
        ),
        (
            {"question": "Q?", "answer": 3, "o": [2, 3.5, 3]},
            "choices: o, answer: answer",
            ("2", "3.5", "3"),
            2,
        ),
        (
            {"question": "Q?", "o": [{"t": "a", "l": "A"}, {"t": "b", "l": "B"}], "k": "B"},
            "choices: o.t, labels: o.l, answer_label: k",
            ("a", "b"),
            1,
        ),
        (
            {"question": "Q?", "a.b": "dotted", "o": {"0": "x"}},
            "choices: [o.0, a.b], answer: a.b",
            ("x", "dotted"),
            1,
        ),
    ],
)
def test_ways_to_tell_the_answer(
    read: Any, row: dict[str, Any], fields: str, choices: tuple[str, ...], index: int
) -> None:
    (question,) = read([row], fields)
    assert (question.choices, question.answer_index) == (choices, index)
    assert question.answer == choices[index]


def test_templates_see_the_choices(read: Any) -> None:
    prompt = (
        'prompt: "{{ ctx }} {{ question }} '
        '{% for c in choices %}{{ letters[loop.index0] }}. {{ c }} {% endfor %}A:"\n'
    )
    fields = "choices: choices.text, answer_label: key, variables: {ctx: ctx}"
    rows = [{**ARC, "key": "B", "ctx": "C."}]
    (question,) = read(rows, fields, prompt + 'answer: " {{ letter }}"')
    assert question.prompt == "C. Q? A. x B. y C. z A:"
    assert (question.answer, question.choices) == (" B", (" A", " B", " C"))
    (named,) = read(rows, fields, 'answer: " {{ letter }}. {{ answer }} ({{ index }})"')
    assert named.answer == " B. y (1)"
    assert named.id == question.id, "the template is no part of a question's identity"


def test_distractors_are_shuffled_by_content(read: Any) -> None:
    """Every place is as likely, whatever the order of fields; and the draw is always the same."""
    rows = [
        {"question": f"Q{n}", "right": f"r{n}", "d1": f"a{n}", "d2": f"b{n}", "d3": f"c{n}"}
        for n in range(400)
    ]
    first = read(rows, "answer: right, distractors: [d1, d2, d3]")
    places = [question.answer_index for question in first]
    assert all(70 <= places.count(place) <= 130 for place in range(4))
    again = read(rows, "answer: right, distractors: [d3, d1, d2]")
    assert [q.choices for q in again] == [q.choices for q in first]
    swapped = read(rows, "answer: d1, distractors: [right, d2, d3]")
    assert [q.choices for q in swapped] == [q.choices for q in first]


def test_missing_distractors_are_left_out(read: Any) -> None:
    rows = [
        {"question": "three", "right": "r", "d1": "a", "d2": "b"},
        {"question": "two", "right": "r", "d1": "a", "d2": None},
        {"question": "two more", "right": "r", "d1": "a", "d2": " "},
        {"question": "four", "right": "r", "d1": "a", "d2": "b", "d3": "c"},
    ]
    questions = read(rows, "answer: right, distractors: [d1, d2, d3]")
    assert [len(question.choices) for question in questions] == [3, 2, 2, 4]


@pytest.mark.parametrize(
    ("row", "fields", "what", "hint"),
    [
        ({"qestion": "Q", "answer": "a"}, "answer: answer", "no field `question`", "`qestion`"),
        ({**ARC, "key": "1"}, "choices: choices.txt, answer_label: key", "choices.txt", ".text`"),
        ({"question": None, "answer": "a"}, "answer: answer", "`question` is null", ""),
        ({"question": " ", "answer": "a"}, "answer: answer", "`question` is blank", ""),
        ({"question": ["a"], "answer": "a"}, "answer: answer", "`question` is a list", "path"),
        ({"question": "\ud800", "answer": "a"}, "answer: answer", "half a character", ""),
        ({**ARC, "key": "D"}, BY_LABEL, "not among the labels", "A, B, C"),
        ({**TWO, "k": "c"}, "choices: o, answer: k", "not among", "a, b"),
        ({**TWO, "k": 2}, BY_INDEX, "no index of 2", "0 to 1"),
        ({**TWO, "k": -1}, BY_INDEX, "no index", "0 to 1"),
        ({**TWO, "k": 0.5}, BY_INDEX, "no index", ""),
        ({**TWO, "k": "x"}, BY_INDEX, "not an index", ""),
        ({**TWO, "k": None}, BY_INDEX, "not an index", ""),
        ({**TWO, "o": ["a"], "k": 0}, BY_INDEX, "1 choices", ""),
        ({**TWO, "o": "a b", "k": 0}, BY_INDEX, "not a list", "separator"),
        ({"question": "Q", "r": "x"}, SHUFFLED, "no distractor", ""),
        ({"question": "Q", "r": "x", "d1": "x"}, SHUFFLED, "among the distr", ""),
        ({"question": "Q", "answer": "a", "d": [1]}, GRADED, "`d` can't be selected by", ""),
    ],
)
def test_a_bad_row_is_named(
    read: Any, row: dict[str, Any], fields: str, what: str, hint: str
) -> None:
    good = {"question": "fine", "answer": "a", "o": ["a", "b"], "k": 0, "r": "r", "d1": "d", "d": 1}
    good |= {"choices": {"text": ["a", "b"], "txt": ["a", "b"]}, "key": "A"}
    good |= {"k": "a"} if "answer: k" in fields else {}
    with pytest.raises(InputError) as raised:
        read([good, row], fields)
    assert what in raised.value.what
    assert hint in (raised.value.hint or "")
    assert str(raised.value.where).endswith("q.jsonl:2")


def test_template_errors_name_card_field_and_row(read: Any) -> None:
    rows = [{"question": "Q", "answer": "a"}]
    for rest, what in (
        ('prompt: "{{ question.__class__ }}"', "`prompt`: access to attribute '__class__'"),
        ('answer: "{{ answer[3] }}"', "`answer`: str object has no element 3"),
        ("answer: \"{{ answer | replace('a', '') }}\"", "`answer` writes nothing"),
        ("extract: {pattern: '[0-9]+'}", "`extract` finds no final answer in `a`"),
    ):
        with pytest.raises(InputError) as raised:
            read(rows, "answer: answer", rest)
        assert raised.value.what.startswith(what)
        assert "quiz.yaml, " in str(raised.value.where)
        assert str(raised.value.where).endswith("q.jsonl:1")


def test_duplicates_collapse_to_the_first(
    data: Any, write_rows: WriteRows, make_card: MakeCard
) -> None:
    rows = [
        {"question": "What  is 1?", "answer": "one"},
        {"question": "what is\n1? ", "answer": "ONE"},
        {"question": "What is 2?", "answer": "two"},
    ]
    write_rows("q.jsonl", rows)
    card = make_card("sources:\n  - files: {train: q.jsonl}\n")
    pool = load_pool(card, "train", data_root=data)
    assert [q.answer for q in pool.questions] == ["one", "two"]
    assert (pool.rows, pool.duplicates) == (3, 1)


def test_a_choice_makes_another_question_an_order_does_not(read: Any) -> None:
    rows = [
        {"question": "Which?", "o": ["a", "b"], "k": 0},
        {"question": "Which?", "o": ["a", "c"], "k": 0},
        {"question": "Which?", "o": ["B", "a"], "k": 1},
    ]
    assert [q.choices for q in read(rows, BY_INDEX)] == [
        ("a", "b"),
        ("a", "c"),
    ]


def test_identity_may_be_other_fields(read: Any) -> None:
    rows = [
        {"question": "True?", "passage": "one", "answer": "a"},
        {"question": "True?", "passage": "two", "answer": "b"},
    ]
    assert len(read(rows, "answer: answer")) == 1
    assert len(read(rows, "answer: answer, identity: [passage, question]")) == 2


def test_a_grade_may_be_missing_in_some_rows_but_not_in_all(read: Any) -> None:
    rows = [{"question": "a", "answer": "a", "level": "3"}, {"question": "b", "answer": "b"}]
    assert [q.difficulty for q in read(rows, "answer: answer, difficulty: level")] == [3.0, None]
    with pytest.raises(InputError, match="no row has the field `lvl`"):
        read(rows, "answer: answer, difficulty: lvl")


def test_a_variable_may_have_a_default(read: Any) -> None:
    fields = "answer: answer, variables: {note: {field: n, default: none given}}"
    prompt = 'prompt: "{{ note }}: {{ question }}"'
    rows = [{"question": q, "answer": "a"} for q in "abcd"]
    rows[1] |= {"n": "so"}
    rows[2] |= {"n": " "}
    rows[3] |= {"n": None}
    prompts = [question.prompt for question in read(rows, fields, prompt)]
    assert prompts == ["none given: a", "so: b", "none given: c", "none given: d"]
    with pytest.raises(InputError, match="the field `n` is a list"):
        read([{**rows[0], "n": ["so"]}], fields, prompt)
    with pytest.raises(InputError, match="no row has the field `n`"):
        read(rows[:1], fields, prompt)


def test_a_distractor_that_no_row_has_is_an_error(read: Any) -> None:
    rows = [{"question": f"Q{n}", "right": "r", "d1": "a", "d2": "b"} for n in range(3)]
    with pytest.raises(InputError, match="no row has the field `d3`"):
        read(rows, "answer: right, distractors: [d1, d2, d3]")
    rows[1]["d3"] = "c"
    questions = read(rows, "answer: right, distractors: [d1, d2, d3]")
    assert [len(question.choices) for question in questions] == [3, 4, 3]


def test_extract_reads_the_final_answer(read: Any) -> None:
    rest = "extract: {pattern: '#### (.+)', remove: '[,$]', take: %s}"
    rows = [{"question": "Q", "answer": "so\n#### 1,200"}]
    (question,) = read(rows, "answer: answer", rest % "first")
    assert question.final(question.answer) == "1200"
    assert question.is_answered_by("otherwise #### $1200 \n")
    assert question.is_answered_by("#### 1200\n#### 7")
    assert not question.is_answered_by("#### 12000")
    assert not question.is_answered_by("1200")
    (last,) = read(rows, "answer: answer", rest % "last")
    assert last.is_answered_by("#### 7\n#### 1200")
    assert not last.is_answered_by("#### 1200\n#### 7")


def test_without_extract_the_stripped_text_counts() -> None:
    question = Question(prompt="1 + 1 =", answer=" 2")
    assert question.is_answered_by("2\n")
    assert not question.is_answered_by("2.")
