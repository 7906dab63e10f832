"""Generated questions: right answers, graded difficulty, no repeats, reproducible."""

from collections import Counter
from itertools import pairwise

import pytest

from ensemble_core.nano.families import DIFFICULTIES, FAMILIES, difficulty_label, generate
from ensemble_core.nano.families.family import GeneratedQuestion

SINGLES = [f"{verb}-{domain}" for verb in ("sort", "reverse", "next", "keep")
           for domain in ("letters", "digits")]  # fmt: skip
STRINGS = [name for name in FAMILIES if not name.startswith("count-")]
"""The families about strings; those that count have their own tests."""


def parts(question: GeneratedQuestion) -> tuple[str, str]:
    """Verb and payload, read out of the prompt."""
    head, payload, end = question.prompt.split(" ")
    assert head.startswith("Q:")
    assert end == "A:"
    return head[2:], payload


def recomputed(verb: str, payload: str) -> str:
    """The answer by other means than the families' own: comparisons of code points only."""
    low, high, middle = ("0", "9", "5") if payload.isdigit() else ("a", "j", "f")
    if verb == "sort":
        counts = Counter(payload)
        return "".join(c * counts[c] for c in map(chr, range(ord(low), ord(high) + 1)))
    if verb == "reverse":
        return "".join(payload[-i] for i in range(1, len(payload) + 1))
    if verb == "next":
        return "".join(low if c == high else chr(ord(c) + 1) for c in payload)
    return "".join(filter(lambda c: c >= middle, payload))


@pytest.mark.parametrize("family", STRINGS)
def test_answers_are_right(family: str) -> None:
    for question in generate(family, 200, seed=1):
        assert question.answer == recomputed(*parts(question))


@pytest.mark.parametrize("family", SINGLES)
def test_a_single_family_asks_one_operation_over_one_alphabet(family: str) -> None:
    verb, domain = family.split("-")
    asked = [parts(question) for question in generate(family, 100, seed=2)]
    assert {v for v, _ in asked} == {verb}
    assert all(payload.isdigit() == (domain == "digits") for _, payload in asked)


def test_mixes_hold_every_operation() -> None:
    verbs = Counter(parts(question)[0] for question in generate("letters", 400, seed=3))
    assert set(verbs) == {"sort", "reverse", "next", "keep"}
    assert min(verbs.values()) > 60
    digits = sum(parts(question)[1].isdigit() for question in generate("mixed", 400, seed=3))
    assert 140 < digits < 260


@pytest.mark.parametrize("family", STRINGS)
def test_harder_questions_are_longer(family: str) -> None:
    means = []
    for grade in DIFFICULTIES:
        asked = generate(family, 100, seed=4, difficulties=[grade])
        assert {question.difficulty for question in asked} == {grade}
        means.append(sum(len(parts(question)[1]) for question in asked) / len(asked))
    assert all(later - earlier > 0.5 for earlier, later in pairwise(means))


def test_difficulties_take_turns_and_have_labels() -> None:
    grades = Counter(question.difficulty for question in generate("letters", 400, seed=5))
    assert grades == dict.fromkeys(DIFFICULTIES, 100)
    assert [difficulty_label(grade) for grade in (1, 2, 3, 4)] == ["easy", "easy", "hard", "hard"]


@pytest.mark.parametrize("family", STRINGS)
def test_choices_are_distinct_and_hold_the_answer(family: str) -> None:
    for question in generate(family, 100, seed=6):
        assert len(set(question.choices)) == len(question.choices) == 4
        assert question.answer in question.choices


def test_no_position_among_the_choices_gives_the_answer_away() -> None:
    asked = generate("mixed", 800, seed=7)
    places = Counter(question.choices.index(question.answer) for question in asked)
    assert set(places) == {0, 1, 2, 3}
    assert max(places.values()) < 260


def test_no_question_twice() -> None:
    asked = generate("mixed", 5000, seed=8)
    assert len({question.prompt for question in asked}) == 5000


def test_same_arguments_same_questions() -> None:
    assert generate("digits", 50, seed=9) == generate("digits", 50, seed=9)
    assert generate("digits", 50, seed=9) != generate("digits", 50, seed=10)
    assert generate("digits", 50, seed=9)[:20] == generate("digits", 20, seed=9)


def test_a_family_that_is_used_up_says_so() -> None:
    with pytest.raises(ValueError, match="fewer than 12000 distinct questions"):
        generate("sort-letters", 12_000, seed=0, difficulties=[1])


@pytest.mark.parametrize(
    ("family", "count", "difficulties", "message"),
    [
        ("sorting", 5, [1], "unknown family 'sorting'"),
        ("letters", -1, [1], "count is -1"),
        ("letters", 5, [0, 1], "difficulties are"),
        ("letters", 5, [], "difficulties are"),
    ],
)
def test_wrong_arguments_are_named(
    family: str, count: int, difficulties: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        generate(family, count, 0, difficulties)
