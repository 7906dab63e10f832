"""The family of long answers: each step can be checked, and the prompt alone says where it ends."""

import re
from itertools import islice, pairwise

import pytest

from ensemble_core.nano.corpus import documents
from ensemble_core.nano.families import FAMILIES, generate
from ensemble_core.nano.families.counting import STEPS
from ensemble_core.nano.ladder import LONG_CONTEXT_LENGTH, SIZES
from ensemble_core.nano.pools import pool
from ensemble_core.nano.tokenizer import build_tokenizer

COUNTS = ("count-letters", "count-digits")


def number(word: str) -> int:
    """A counter's value by code points: letters count from a, digits from 0."""
    low = "0" if word[0].isdigit() else "a"
    return int("".join(str(ord(c) - ord(low)) for c in word))


def payload(text: str) -> str:
    """Start and pattern, in whatever phrasing."""
    [found] = re.findall(r"\b[a-j0-9]{5} \.+#+", text)
    return found


@pytest.mark.parametrize("family", COUNTS)
def test_an_answer_counts_one_by_one_to_the_first_number_that_fits(family: str) -> None:
    for question in generate(family, 80, seed=1):
        _, start, pattern, end = question.prompt.split(" ")
        numbers = [number(word) for word in question.answer.split(";")]
        assert end == "A:"
        assert question.answer.startswith(start)
        assert all((later - earlier) % 100_000 == 1 for earlier, later in pairwise(numbers))
        round_number = 10 ** len(pattern.strip("."))
        assert [n for n in numbers if n % round_number == 0] == numbers[-1:]


@pytest.mark.parametrize("family", COUNTS)
@pytest.mark.parametrize("grade", STEPS)
def test_a_grade_says_how_far_is_counted(family: str, grade: int) -> None:
    fewest, most = STEPS[grade]
    steps = [q.answer.count(";") for q in generate(family, 100, seed=2, difficulties=[grade])]
    assert min(steps) >= fewest
    assert most - 15 < max(steps) <= most


def test_short_questions_pass_places_where_others_end() -> None:
    """Else a model could learn to end at the first round number, whatever the prompt says."""
    asked = generate("count-letters", 300, seed=3, difficulties=[1])
    patterns = {question.prompt.split(" ")[2] for question in asked}
    assert patterns == {"....#", "..###"}
    tens, thousands = ([q.answer for q in asked if p in q.prompt] for p in (" ....#", " ..###"))
    assert not any("a;" in answer[6:] for answer in tens)
    assert sum("a;" in answer for answer in thousands) > 0.9 * len(thousands)
    assert sum("aa;" in answer for answer in thousands) > 0.1 * len(thousands)


def test_the_longest_answer_fits_the_long_context() -> None:
    tokenizer = build_tokenizer()
    asked = generate("count-digits", 60, seed=4, difficulties=[4])
    lengths = [len(tokenizer.encode(q.prompt + q.answer)) + 1 for q in asked]
    assert max(lengths) <= 23 + 6 * (STEPS[4][1] + 1) < LONG_CONTEXT_LENGTH
    assert min(lengths) > 1500


def test_long_answers_have_no_choices_and_short_families_do() -> None:
    assert generate("count-letters", 5, seed=0)[0].choices == ()
    assert [name for name, family in FAMILIES.items() if not family.has_choices] == list(COUNTS)


def test_the_corpus_states_counts_echoes_questions_and_holds_no_task() -> None:
    told = list(islice(documents(0, "counts"), 2000))
    questions = [d for d in told if d.prefix.startswith("Q:")]
    statements = [d for d in told if not d.prefix.startswith("Q:")]
    echoed = [d for d in questions if " " in d.completion]
    assert 0.27 < len(questions) / len(told) < 0.33
    assert 0.55 < len(echoed) / len(questions) < 0.65
    assert all(d.prefix == f"Q:count {d.completion} A:" for d in echoed)
    for document in statements:
        numbers = [number(word) for word in document.completion.split(",")]
        assert all((later - earlier) % 100_000 == 1 for earlier, later in pairwise(numbers))
    assert {pool(document.prefix) for document in questions} == {"corpus"}
    asked = {payload(q.prompt) for q in generate("count-letters", 800, seed=5)}
    assert not {payload(document.prefix) for document in told} & asked


def test_most_of_the_corpus_is_short_and_a_few_documents_are_long() -> None:
    steps = [d.completion.count(",") for d in islice(documents(1, "counts"), 3000)]
    assert sum(n < 60 for n in steps) > 0.75 * len(steps)
    assert sum(n >= STEPS[2][0] for n in steps) > 20
    assert max(steps) <= STEPS[4][1]


def test_long_sizes_are_the_only_ones_that_learn_counts() -> None:
    counting = [name for name, size in SIZES.items() if size.corpus == "counts"]
    assert counting == ["nano-long-s", "nano-long-m"]
    assert all(SIZES[name].context == LONG_CONTEXT_LENGTH for name in counting)
