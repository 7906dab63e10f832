"""Shares by rank: they part a split exactly, whatever the order, and refuse what is none."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from task_helpers import MakeCard, WriteRows

from ensemble_core.errors import InputError
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.quantiles import ids_in, share_in
from ensemble_core.tasks.roles import draw_counted
from ensemble_core.tasks.slices import SliceSpec, parse_slice

percentages = st.decimals(0, 100, places=2).map(lambda number: f"{number:f}")
numbers = st.dictionaries(
    st.text("abcdef0123456789", min_size=1, max_size=4),
    st.integers(0, 5).map(float) | st.floats(-10, 10),
    max_size=40,
)


def ids(text: str, values: Mapping[str, float]) -> set[str]:
    share = share_in(text)
    assert share is not None
    return ids_in(share, values)


def by_hand(low: str, high: str, values: Mapping[str, float]) -> set[str]:
    """Every question with rank/n in [low, high): its rank is the number that come before it."""

    def place(one: str) -> Fraction:
        before = [o for o in values if (values[o], o) < (values[one], one)]
        return Fraction(100 * len(before), len(values))

    return {one for one in values if Fraction(low) <= place(one) < Fraction(high)}


@given(numbers, st.sets(percentages, max_size=4))
def test_shares_that_meet_part_the_questions(values: dict[str, float], cuts: set[str]) -> None:
    bounds = list(
        {Fraction(cut): cut for cut in ("0", *sorted(cuts, key=Fraction), "100")}.values()
    )
    meeting = list(pairwise(bounds))
    parts = [ids(f"{low}%..{high}%", values) for low, high in meeting]
    assert sorted(one for part in parts for one in part) == sorted(values)
    assert parts == [by_hand(low, high, values) for low, high in meeting]


@given(numbers, st.randoms(use_true_random=False))
def test_the_order_of_the_questions_does_not_matter(
    values: dict[str, float], chance: object
) -> None:
    shuffled = list(values.items())
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ids("20%..70%", dict(shuffled)) == ids("20%..70%", values)


def test_equal_numbers_are_ranked_by_id() -> None:
    values = {"d": 1.0, "b": 1.0, "a": 2.0, "c": 1.0, "e": 0.0}
    assert ids("0%..40%", values) == {"e", "b"}
    assert ids("40%..", values) == {"c", "d", "a"}
    assert ids("..40%", values) == ids("0%..40%", values)


def test_the_middle_one_of_five_is_in_the_lower_half() -> None:
    values = {name: float(n) for n, name in enumerate("abcde")}
    assert ids("0%..50%", values) == set("abc")
    assert ids("50%..100%", values) == set("de")


@pytest.mark.parametrize("text", ["..", "2..4", "2..", "50%", "Low", "a%..b%"])
def test_other_values_are_no_shares(text: str) -> None:
    assert share_in(text) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("60%..40%", "the lower bound comes first"),
        ("50%..50%", "the lower bound comes first, and below the upper one"),
        ("0%..101%", "between 0% and 100%"),
        ("-5%..50%", "between 0% and 100%"),
        ("120%..", "between 0% and 100%"),
        ("10%..50", "both bounds are percentages, or none"),
        ("1.5..50%", "both bounds are percentages, or none"),
    ],
)
def test_percentages_that_are_none(text: str, what: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_slice(f"quiz[difficulty={text}]")
    assert f"`{text}`" in raised.value.what
    assert what in raised.value.what
    with pytest.raises(ValidationError, match=what):
        SliceSpec.model_validate({"task": "quiz", "select": {"difficulty": ["0%..10%", text]}})


@pytest.mark.parametrize(
    ("select", "levels"),
    [
        # Of 30 questions five have no level, and five each of the levels 0 to 4.
        ("difficulty=0%..20%", {0: 5}),
        ("difficulty=0%..50%", {0: 5, 1: 5, 2: 3}),
        ("difficulty=50%..100%", {2: 2, 3: 5, 4: 5}),
        ("difficulty=..4%|96%..", {0: 1, 4: 1}),
        ("difficulty=90%..|0", {0: 5, 4: 2}),
        ("topic=even, difficulty=0%..20%", {0: 5}),
        ("topic=odd, difficulty=20%..60%", {1: 5}),
    ],
)
def test_a_slice_takes_a_share_of_the_questions_with_a_value(
    graded: TaskCard, data: Path, select: str, levels: dict[int, int]
) -> None:
    drawn = draw_counted(parse_slice(f"quiz[{select}]"), graded, "id", seed=0, data_root=data)
    found = [question.difficulty for question in drawn.questions]
    assert {level: found.count(level) for level in set(found)} == levels
    assert drawn.unrated == 5


def test_a_group_may_be_a_share_of_an_attribute(
    data: Path, write_rows: WriteRows, make_card: MakeCard
) -> None:
    rows = [{"question": f"{n}?", "answer": "x", "words": (7 * n) % 20} for n in range(20)]
    write_rows("a.jsonl", rows)
    card = make_card(
        "sources:\n  - files: {test: a.jsonl}\n"
        "    fields: {answer: answer, attributes: {words: words}}\n"
        "groups: {words: {short: 0%..25%, long: [75%..90%, 95%..]}}\n"
    )

    def words(select: str) -> list[object]:
        spec = parse_slice(f"quiz[words={select}]")
        drawn = draw_counted(spec, card, "id", seed=0, data_root=data)
        return sorted(question.attributes["words"] for question in drawn.questions)  # type: ignore

    assert words("short") == [0, 1, 2, 3, 4]
    assert words("long") == [15, 16, 17, 19]
    assert words("short|18") == [0, 1, 2, 3, 4, 18]


@pytest.mark.parametrize(
    ("select", "what", "hint"),
    [
        (
            "topic=0%..50%",
            "`0%..50%` is a share of the questions ranked by a number, and topic has words",
            "values seen: even (15), odd (15)",
        ),
        ("difficulty=1%..2%", "no question has difficulty `1%..2%`", "values seen: 0 (5), 1 (5)"),
    ],
)
def test_shares_that_hold_nothing(
    graded: TaskCard, data: Path, select: str, what: str, hint: str
) -> None:
    with pytest.raises(InputError) as raised:
        draw_counted(parse_slice(f"quiz[{select}]"), graded, "id", seed=0, data_root=data)
    assert raised.value.what == what
    assert hint in str(raised.value.hint)


def test_many_numbers_are_listed_by_their_ends(
    data: Path, write_rows: WriteRows, make_card: MakeCard
) -> None:
    rows = [{"question": f"{n}?", "answer": "x", "d": n / 7} for n in range(50)]
    write_rows("a.jsonl", rows)
    card = make_card(
        "sources:\n  - files: {test: a.jsonl}\n    fields: {answer: answer, difficulty: d}\n"
    )
    with pytest.raises(InputError, match=r"values seen: 50 numbers from 0 to 7"):
        draw_counted(parse_slice("quiz[difficulty=9..]"), card, "id", seed=0, data_root=data)
