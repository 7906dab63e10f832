"""Drawing a role's questions."""

from pathlib import Path

import pytest
from task_helpers import MakeCard, WriteRows

from ensemble_core.errors import InputError
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.checks import check_draws
from ensemble_core.tasks.roles import ROLES, check_slice, default_split, draw, draw_counted
from ensemble_core.tasks.slices import parse_slice


def ids(
    card: TaskCard, root: Path, text: str, role: str = "labelled", seed: int = 0, **given: object
) -> list[str]:
    spec = parse_slice(text)
    return [q.id for q in draw(spec, card, role, seed=seed, data_root=root, **given)]  # type: ignore


def test_a_draw_is_decided_by_role_seed_and_slice(graded: TaskCard, data: Path) -> None:
    first = ids(graded, data, "quiz[size=20]")
    assert first == ids(graded, data, "quiz[size=20]")
    assert first != ids(graded, data, "quiz[size=20]", seed=1)
    assert first != ids(graded, data, "quiz[size=20]", "transfer")
    assert len(set(first)) == 20


def test_a_smaller_draw_begins_a_larger_one(graded: TaskCard, data: Path) -> None:
    larger = ids(graded, data, "quiz[size=40]")
    assert ids(graded, data, "quiz[size=10]") == larger[:10]
    assert ids(graded, data, "quiz") == [*larger, *ids(graded, data, "quiz")[40:]]


def test_excluding_moves_no_other_question(graded: TaskCard, data: Path) -> None:
    every = ids(graded, data, "quiz")
    out = frozenset(every[:30:3])
    assert ids(graded, data, "quiz", exclude=out) == [one for one in every if one not in out]


def test_draws_look_random(graded: TaskCard, data: Path) -> None:
    """Over many seeds, each question is drawn about as often: 60 × Binomial(200, 1/4)."""
    counts: dict[str, int] = dict.fromkeys(ids(graded, data, "quiz"), 0)
    for seed in range(200):
        for one in ids(graded, data, "quiz[size=15]", seed=seed):
            counts[one] += 1
    assert min(counts.values()) > 50 - 5 * 6.2
    assert max(counts.values()) < 50 + 5 * 6.2


@pytest.mark.parametrize(
    ("select", "levels"),
    [
        ("difficulty=0|2", {0, 2}),
        ("difficulty=1..3", {1, 2, 3}),
        ("difficulty=3..", {3, 4}),
        ("difficulty=..0|4", {0, 4}),
        ("difficulty=easy", {0, 1}),
        ("difficulty=hard|1", {1, 3, 4}),
        ("topic=even", {0, 2, 4}),
        ("topic=even, difficulty=1..4", {2, 4}),
    ],
)
def test_selection(graded: TaskCard, data: Path, select: str, levels: set[int]) -> None:
    drawn = draw_counted(parse_slice(f"quiz[{select}]"), graded, "id", seed=0, data_root=data)
    assert {question.difficulty for question in drawn.questions} == levels
    assert len(drawn.questions) == 5 * len(levels)
    graded_by = "difficulty" in select
    assert drawn.unrated == (5 if graded_by else 0)
    assert drawn.others == 30 - drawn.unrated - len(drawn.questions)


def test_what_is_left_out_is_counted(graded: TaskCard, data: Path) -> None:
    held = frozenset(ids(graded, data, "quiz[difficulty=0]")[:4])
    spec = parse_slice("quiz[difficulty=0|1, size=10]")
    drawn = draw_counted(spec, graded, "labelled", seed=0, exclude=held, data_root=data)
    assert (len(drawn.questions), drawn.rows, drawn.duplicates) == (10, 60, 0)
    assert (drawn.unrated, drawn.others, drawn.held, drawn.left) == (10, 30, 4, 6)


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("quiz[difficulty=7]", "no question has difficulty `7`", "0 (5), 1 (5), 2 (5)"),
        ("quiz[difficulty=7]", "no question has", "none (5), group easy"),
        ("quiz[difficulty=7..9]", "no question has difficulty `7..9`", "values seen: 0 (5)"),
        ("quiz[difficulty=esay]", "no question has difficulty `esay`", "did you mean `easy`?"),
        ("quiz[topic=Odd]", "no question has topic `Odd`", "did you mean `odd`?"),
        ("quiz[topic=1..2]", "no question has topic", "even (15), odd (15)"),
        ("quiz[topc=odd]", "`topc` can't be selected by", "did you mean `topic`?"),
        ("quiz[split=tset]", "no split `tset`", "train, test"),
        ("quiz[size=31]", "split test has 30 such questions; 31 are asked for", "lower `size`"),
        ("quiz[difficulty=0,size=6]", "has 5 such questions; 6 are asked for", "select more"),
    ],
)
def test_a_slice_that_can_not_be_drawn(
    graded: TaskCard, data: Path, text: str, what: str, hint: str
) -> None:
    with pytest.raises(InputError) as raised:
        draw(parse_slice(text), graded, "id", seed=0, data_root=data)
    assert what in raised.value.what
    assert hint in str(raised.value.hint)


def test_questions_held_by_other_roles_are_counted(graded: TaskCard, data: Path) -> None:
    held = frozenset(ids(graded, data, "quiz[size=50]"))
    with pytest.raises(InputError, match=r"60 such questions, 50 of them held .* 10 left; 20 are"):
        draw(parse_slice("quiz[size=20]"), graded, "transfer", seed=0, exclude=held, data_root=data)
    every = frozenset(ids(graded, data, "quiz"))
    with pytest.raises(InputError, match="60 of them held by other roles of the cell, 0 left"):
        draw(parse_slice("quiz"), graded, "transfer", seed=0, exclude=every, data_root=data)


def test_a_cells_draws_are_checked_together(graded: TaskCard, data: Path) -> None:
    def check(labelled: str, transfer: str) -> None:
        slices = (("labelled", labelled), ("transfer", transfer), ("id", "quiz"))
        check_draws([(role, parse_slice(s), graded) for role, s in slices], data_root=data)  # type: ignore

    check("quiz[size=30]", "quiz[size=30]")
    check("quiz[difficulty=easy]", "quiz[difficulty=hard]")
    with pytest.raises(InputError, match=r"transfer: .*30 left; 31 are asked for"):
        check("quiz[size=30]", "quiz[size=31]")
    with pytest.raises(InputError, match=r"transfer: .* 0 left"):
        check("quiz", "quiz")


def test_default_splits(graded: TaskCard, data: Path, make_card: MakeCard) -> None:
    assert [default_split(graded, role, data) for role in ROLES] == [
        "train",
        "train",
        "train",
        "test",
        "test",
    ]
    whole = make_card("sources:\n  - hub: {dataset: a/b}\n")
    assert default_split(whole, "validation") == "validation"
    only = make_card("sources:\n  - hub: {dataset: a/b, splits: {dev: dev}}\n")
    with pytest.raises(InputError, match="no split `test`"):
        default_split(only, "ood")


def test_hub_tasks_are_checked_without_a_network(make_card: MakeCard) -> None:
    card = make_card("sources:\n  - hub: {dataset: lab/nowhere}\n")
    check_draws([("id", parse_slice("quiz[size=10]"), card)])
    with pytest.raises(InputError, match="can't be selected by"):
        check_slice(parse_slice("quiz[grade=1]"), card, "id")


def test_a_selection_of_another_source_says_so(data: Path, make_card: MakeCard) -> None:
    card = make_card(
        "sources:\n  - files: {train: a.jsonl}\n    fields: {answer: a, difficulty: d}\n"
        "  - hub: {dataset: a/b}\n"
    )
    spec = parse_slice("quiz[difficulty=1]")
    with pytest.raises(InputError, match="in another source of the card, not in its hub"):
        check_slice(spec, card, "labelled", data_root=data)


def test_overlap_between_cards_is_found(
    data: Path, write_rows: WriteRows, make_card: MakeCard, tmp_path: Path
) -> None:
    """One question in two cards, in another order and another style, is one question."""
    write_rows("a.jsonl", [{"question": "Which is red?", "o": ["blood", "grass"], "k": 0}])
    write_rows("b.jsonl", [{"q": "which is  RED?", "good": "blood", "bad": "grass"}])
    a = make_card(
        "sources:\n  - files: {test: a.jsonl}\n    fields: {choices: o, answer_index: k}\n"
        'prompt: "Q: {{ question }}"\n'
    )
    held = frozenset(ids(a, data, "quiz", "id"))
    b = make_card(
        "sources:\n  - files: {test: b.jsonl}\n"
        "    fields: {question: q, answer: good, distractors: [bad]}\n"
    )
    assert frozenset(ids(b, data, "quiz", "ood")) == held
    with pytest.raises(InputError, match="0 left"):
        ids(b, data, "quiz", "ood", exclude=held)
