"""Difficulty as a model's loss: what a card says, folds, and draws once the losses are there."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from task_helpers import MakeCard, WriteRows

from ensemble_core.documents import DocumentErrors
from ensemble_core.errors import InputError
from ensemble_core.settings import ModelRef
from ensemble_core.tasks.bounds import Bounds
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.checks import check_draws
from ensemble_core.tasks.difficulty import fold_of, folds_of
from ensemble_core.tasks.questions import load_questions
from ensemble_core.tasks.roles import draw, draw_counted
from ensemble_core.tasks.selection import by_loss
from ensemble_core.tasks.slices import parse_slice

FILES = """\
sources:
  - files: {train: train.jsonl, test: test.jsonl}
    fields: {answer: answer, attributes: {topic: topic}}
"""
RATED = FILES + (
    "difficulty: {model: nano-xs, folds: 3}\n"
    "groups: {difficulty: {easy: 0%..50%, hard: 50%..100%, Low: Low}}\n"
)


@pytest.fixture
def rated(graded: TaskCard, make_card: MakeCard) -> TaskCard:
    """The same questions, whose difficulty is a model's loss."""
    assert graded.difficulty is None
    return make_card(RATED)


def losses(card: TaskCard, root: Path, split: str, seed: int = 0) -> dict[str, float]:
    """A loss for each question."""
    chance = random.Random(seed)
    return {q.id: chance.uniform(0, 4) for q in load_questions(card, split, data_root=root)}


@pytest.mark.parametrize(
    ("model", "ref"),
    [
        ("nano-s", ModelRef(nano="nano-s")),
        ("EleutherAI/pythia-70m@abc", ModelRef(hub="EleutherAI/pythia-70m", revision="abc")),
        ("{path: ./m, layers: 2}", ModelRef(path="./m", layers=2)),
    ],
)
def test_a_model_is_named_as_in_a_sweep(make_card: MakeCard, model: str, ref: ModelRef) -> None:
    card = make_card(FILES + f"difficulty: {{model: {model}, training: {{epochs: 2}}}}\n")
    assert card.difficulty is not None
    assert card.difficulty.model == card.difficulty.base == ref
    assert (card.difficulty.folds, card.difficulty.training.epochs) == (5, 2)
    assert card.selectable == ["difficulty", "topic"]


def test_layers_cut_the_model(make_card: MakeCard) -> None:
    card = make_card(FILES + "difficulty: {model: nano-s, layers: 1}\n")
    assert card.difficulty is not None
    assert card.difficulty.base == ModelRef(nano="nano-s", layers=1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (FILES + "difficulty: {model: nano-s, folds: 1}\n", "5:36: difficulty.folds: "),
        (FILES + "difficulty: {folds: 3}\n", "5:13: difficulty: the key `model` is missing"),
        (FILES + "difficulty: {model: nano-z}\n", "5:21: difficulty.model: the built-in suite has"),
        (FILES + "difficulty: {model: nano-s, fold: 3}\n", "did you mean `folds`?"),
        (
            RATED.replace("answer: answer", "answer: answer, difficulty: level"),
            "sources[0].fields.difficulty: the card's difficulty is a model's loss "
            "(name the field among `attributes`)",
        ),
        (RATED.replace("0%..50%", "0%..500%"), "groups.difficulty.easy: `0%..500%`"),
    ],
)
def test_mistakes_in_a_card(make_card: MakeCard, text: str, problem: str) -> None:
    with pytest.raises(DocumentErrors) as raised:
        make_card(text)
    assert problem in str(raised.value)


def test_folds_are_decided_by_the_question_alone() -> None:
    ids = [f"{n:016x}" for n in range(3000)]
    folds = folds_of(ids, 5, where="x")
    assert folds == [fold_of(one, 5) for one in ids]
    assert folds[::7] == folds_of(ids[::7], 5, where="x")
    sizes = Counter(folds)
    assert set(sizes) == set(range(5))
    assert all(abs(size - 600) < 5 * 22 for size in sizes.values()), "Binomial(3000, 1/5)"


def test_too_few_questions_for_the_folds() -> None:
    with pytest.raises(InputError, match="has 4 questions, fewer than the 5 folds"):
        folds_of(["a", "b", "c", "d"], 5, where="x")
    together = [one for one in "abcdefgh" if fold_of(one, 2) == 0]
    with pytest.raises(InputError, match="fall into one of 2 folds"):
        folds_of(together, 2, where="x")


def test_drawn_questions_carry_their_losses(rated: TaskCard, data: Path) -> None:
    found = losses(rated, data, "train")
    easy, hard = (
        draw(parse_slice(f"quiz[difficulty={half}]"), rated, "labelled", seed=0, data_root=data,
             losses=found)
        for half in ("easy", "hard")
    )  # fmt: skip
    assert [len(easy), len(hard)] == [30, 30]
    for question in (*easy, *hard):
        assert question.difficulty == found[question.id]
    middle = sorted(found.values())[30]
    assert max(q.difficulty for q in easy) < middle == min(q.difficulty for q in hard)  # type: ignore


def test_a_range_of_losses(rated: TaskCard, data: Path) -> None:
    found = losses(rated, data, "test")
    spec = parse_slice("quiz[difficulty=1..2, topic=even]")
    drawn = draw_counted(spec, rated, "id", seed=0, data_root=data, losses=found)
    kept = {q.id: q.difficulty for q in drawn.questions}
    even = {q.id for q in load_questions(rated, "test", data_root=data)
            if q.attributes["topic"] == "even"}  # fmt: skip
    assert kept == {one: loss for one, loss in found.items() if 1 <= loss <= 2 and one in even}


def test_other_slices_of_the_card_need_no_losses(rated: TaskCard, data: Path) -> None:
    spec = parse_slice("quiz[topic=even]")
    assert not by_loss(spec, rated)
    drawn = draw(spec, rated, "id", seed=0, data_root=data)
    assert {question.difficulty for question in drawn} == {None}
    with pytest.raises(ValueError, match="selects by a model's loss, which is not given"):
        draw(parse_slice("quiz[difficulty=easy]"), rated, "id", seed=0, data_root=data)


def test_the_loss_is_no_part_of_what_the_card_reads(rated: TaskCard, data: Path) -> None:
    plain = rated.model_copy(update={"difficulty": None})
    assert plain.fingerprint(data, "train") == rated.fingerprint(data, "train")


def check(card: TaskCard, root: Path, *slices: tuple[str, str]) -> list[bool]:
    """Which slices could be drawn at once, given that all can be drawn."""
    requests = [(role, parse_slice(text), card) for role, text in slices]
    found = check_draws(requests, data_root=root)  # type: ignore[arg-type]
    return [drawn is not None for drawn in found]


def test_what_is_known_before_the_losses_are(rated: TaskCard, data: Path) -> None:
    """Slices of a split by loss, and later ones of that split, are counted; others are drawn."""
    assert check(
        rated,
        data,
        ("labelled", "quiz[topic=even, size=5]"),
        ("transfer", "quiz[difficulty=easy, size=25]"),
        ("validation", "quiz[split=train, size=5]"),
        ("id", "quiz"),
        ("ood", "quiz[difficulty=..2, split=train]"),
    ) == [True, False, False, True, False]


@pytest.mark.parametrize(
    ("slices", "what"),
    [
        (
            [("labelled", "quiz[difficulty=easy, size=31]")],
            "labelled: split train has 30 such questions; 31 are asked for",
        ),
        (
            [("labelled", "quiz[difficulty=easy, size=20]"),
             ("transfer", "quiz[difficulty=0%..50%, size=11]")],
            "transfer: split train has 30 such questions, 20 of them held by other roles of the "
            "cell, 10 left; 11 are asked for",
        ),
        (
            [("labelled", "quiz[difficulty=easy]"), ("transfer", "quiz[difficulty=10%..40%]")],
            "transfer: split train has 18 such questions, 18 of them held by other roles of the "
            "cell, 0 left",
        ),
        (
            [("labelled", "quiz[difficulty=easy]"), ("transfer", "quiz[difficulty=hard]"),
             ("validation", "quiz[size=1]")],
            "validation: split train has 60 such questions, 60 of them held by other roles of the "
            "cell, 0 left; 1 are asked for",
        ),
        (
            [("labelled", "quiz[size=50]"), ("transfer", "quiz[difficulty=easy, size=11]")],
            "transfer: split train has 30 such questions, 20 of them held by other roles of the "
            "cell, 10 left; 11 are asked for",
        ),
        (
            [("labelled", "quiz[difficulty=easy]"), ("ood", "quiz[difficulty=..2, split=train, "
                                                     "size=31]")],
            "ood: split train has at most 60 such questions, 30 of them held by other roles of "
            "the cell, 30 left; 31 are asked for",
        ),
        (
            [("id", "quiz[difficulty=easy, topic=even, size=16]")],
            "id: split test has at most 15 such questions; 16 are asked for",
        ),
        (
            [("id", "quiz[difficulty=1%..3%]")],
            "id: split test has 0 such questions",
        ),
        (
            [("id", "quiz[difficulty=easy|Low]")],
            "difficulty is a model's loss here, which is never just `Low`",
        ),
        ([("id", "quiz[difficulty=2]")],
         "difficulty is a model's loss here, which is never just `2`"),
    ],
)  # fmt: skip
def test_draws_that_no_losses_allow(
    rated: TaskCard, data: Path, slices: Sequence[tuple[str, str]], what: str
) -> None:
    with pytest.raises(InputError) as raised:
        check(rated, data, *slices)
    assert raised.value.what == what
    assert raised.value.where == str(parse_slice(slices[-1][1]))


def test_a_split_with_fewer_questions_than_folds(
    data: Path, write_rows: WriteRows, make_card: MakeCard
) -> None:
    write_rows("a.jsonl", [{"question": f"{n}?", "answer": "x"} for n in range(4)])
    card = make_card(
        "sources:\n  - files: {test: a.jsonl}\n    fields: {answer: answer}\n"
        "difficulty: {model: nano-xs}\n"
    )
    check(card, data, ("id", "quiz"))
    with pytest.raises(InputError, match="4 questions, fewer than the 5 folds") as raised:
        check(card, data, ("id", "quiz[difficulty=..50%]"))
    assert raised.value.where == "quiz[difficulty=..50%]"


SELECTIONS = ("difficulty=easy", "difficulty=hard", "difficulty=20%..70%", "difficulty=..1.5",
              "difficulty=0%..30%|80%..", "topic=odd", "topic=even, difficulty=hard",
              "")  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_counts_hold_for_whatever_losses(rated: TaskCard, data: Path, seed: int) -> None:
    """Against real draws with random losses: what is left lies between the bounds, always."""
    chance = random.Random(seed)
    found = losses(rated, data, "train", seed)
    bounds = Bounds(load_questions(rated, "train", data_root=data))
    known = {one for one in found if chance.random() < 0.1}
    held = set(known)
    for step in range(6):
        size = chance.choice(["", f"size={chance.randint(1, 12)}"])
        inside = ", ".join(p for p in (chance.choice(SELECTIONS), size, "split=train") if p)
        spec = parse_slice(f"quiz[{inside}]")
        room = bounds.room(spec, rated, known)
        try:
            drawn = draw_counted(spec, rated, "id", seed=step, exclude=held, data_root=data,
                                 losses=found)  # fmt: skip
        except InputError:
            assert room.least < (spec.size or 1), "it was sure that there are enough"
            continue
        assert room.least <= len(drawn.questions) + drawn.left <= room.most
        assert room.most >= (spec.size or 1)
        bounds.draw(spec, rated, room)
        held |= {question.id for question in drawn.questions}
