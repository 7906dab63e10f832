"""Generated tasks: exact, graded, and with pools that share no question."""

from pathlib import Path

import pytest
from task_helpers import REPO, MakeCard

from ensemble_core.errors import InputError
from ensemble_core.nano.families import FAMILIES, generate
from ensemble_core.nano.pools import pool
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.cards import load_card
from ensemble_core.tasks.questions import load_questions
from ensemble_core.tasks.roles import draw
from ensemble_core.tasks.slices import parse_slice

SPLITS = ("train", "validation", "test")
COUNTS = sorted((REPO / "sweeps" / "tasks").glob("nano-count-*.yaml"))
GRADED = sorted((REPO / "sweeps" / "tasks").glob("nano-*-by-loss.yaml"))
NANO = sorted({*(REPO / "sweeps" / "tasks").glob("nano-*.yaml")} - {*COUNTS, *GRADED})


def prompts(card: TaskCard) -> dict[str, set[str]]:
    return {
        split: {q.prompt for q in load_questions(card, split, data_root=None)} for split in SPLITS
    }


@pytest.mark.parametrize("path", NANO, ids=lambda path: path.stem)
def test_shipped_cards(path: Path) -> None:
    card = load_card(path)
    found = prompts(card)
    assert sum(map(len, found.values())) == len(set.union(*found.values()))
    assert len(found["train"]) > 8000
    assert len(found["test"]) > 2000
    for question in load_questions(card, "test", data_root=None):
        assert question.answer == question.choices[question.answer_index]
        assert question.difficulty in (1.0, 2.0, 3.0, 4.0)
        assert pool(question.prompt) == "task", "no pretraining corpus holds it"
    easy = draw(parse_slice(f"{card.task}[difficulty=easy]"), card, "id", seed=0)
    assert {question.difficulty for question in easy} == {1.0, 2.0}


def test_the_first_character_alone_is_one_of_as_many_classes_as_there_are_characters() -> None:
    tasks = REPO / "sweeps" / "tasks"
    whole, first = (
        {
            q.prompt: q
            for q in load_questions(load_card(tasks / f"{name}.yaml"), "test", data_root=None)
        }
        for name in ("nano-letters", "nano-letters-first")
    )
    assert whole.keys() == first.keys()
    for prompt, question in first.items():
        assert question.answer == whole[prompt].answer[0]
        assert question.choices == tuple("abcdefghij")
    assert len({question.answer for question in first.values()}) == 10


@pytest.mark.parametrize("path", COUNTS, ids=lambda path: path.stem)
def test_shipped_cards_of_long_answers(path: Path) -> None:
    card = load_card(path)
    found = prompts(card)
    assert sum(map(len, found.values())) == len(set.union(*found.values())) == 4000
    assert card.steps is not None
    for question in load_questions(card, "test", data_root=None)[::20]:
        assert card.steps.judge(question, question.answer) == [True] * (
            question.answer.count(";") + 1
        )
        assert pool(question.prompt) == "task", "no pretraining corpus holds it"
    short = draw(parse_slice(f"{card.task}[difficulty=short]"), card, "id", seed=0)
    long = draw(parse_slice(f"{card.task}[difficulty=long]"), card, "id", seed=0)
    assert max(len(q.answer) for q in short) < min(len(q.answer) for q in long)


def test_pools_are_disjoint_whatever_the_seed_and_the_family(make_card: MakeCard) -> None:
    text = "sources:\n  - generator: {family: %s, count: 3000, seed: %d, difficulties: [1, 2]}\n"
    each = [
        prompts(make_card(text % (family, seed)))
        for family, seed in (("letters", 0), ("letters", 1), ("mixed", 0), ("sort-letters", 5))
    ]
    assert each[0] != each[1]
    together = {split: set[str]().union(*(one[split] for one in each)) for split in SPLITS}
    assert not together["train"] & together["test"]
    assert not together["train"] & together["validation"]
    assert not together["validation"] & together["test"]
    assert each[0]["test"] & each[1]["test"], "the seeds do draw some of the same questions"


def test_questions_are_the_familys(make_card: MakeCard) -> None:
    card = make_card(
        "sources:\n  - generator: {family: mixed, count: 500, seed: 3, difficulties: [2, 4]}\n"
        "    shares: {test: 1.0}\n"
    )
    made = generate("mixed", 500, 3, (2, 4))
    questions = load_questions(card, "test", data_root=None)
    assert [(q.prompt, q.answer, q.choices, q.difficulty) for q in questions] == [
        (m.prompt, m.answer, m.choices, float(m.difficulty)) for m in made
    ]


def test_more_than_there_are(make_card: MakeCard) -> None:
    card = make_card(
        "sources:\n  - generator: {family: sort-letters, count: 5000, difficulties: [1]}\n"
    )
    with pytest.raises(InputError, match="fewer than 5000 distinct questions"):
        load_questions(card, "train", data_root=None)


def test_fingerprint_tells_what_is_generated(make_card: MakeCard) -> None:
    text = "sources:\n  - generator: {family: letters, count: %d, difficulties: [1]}\n"
    one, other = (make_card(text % count).fingerprint(None) for count in (10, 11))
    assert one["source"]["generator"] == {
        "family": "letters",
        "count": 10,
        "seed": 0,
        "difficulties": [1],
    }
    assert one != other
    assert "version" in one["source"]


def test_every_family_makes_a_card(make_card: MakeCard) -> None:
    for family in FAMILIES:
        text = f"sources:\n  - generator: {{family: {family}, count: 40, difficulties: [1, 4]}}\n"
        assert load_questions(make_card(text), "train", data_root=None)
