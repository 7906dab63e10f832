"""The shipped cards of hub datasets: both forms of a source say the same questions."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hub_samples import SAMPLES
from loopback_hub import serve_all
from read_cards import Told, tell
from task_helpers import REPO, WriteRows

from ensemble_core.errors import InputError
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.cards import load_card
from ensemble_core.tasks.question import Question
from ensemble_core.tasks.questions import load_pool, load_questions
from ensemble_core.tasks.roles import draw
from ensemble_core.tasks.slices import parse_slice

CARDS = REPO / "sweeps" / "tasks"
every_card = pytest.mark.parametrize("name", SAMPLES)

LETTERS = [" A", " B", " C", " D", " E"]
FIRST_OF_TEST: dict[str, tuple[str, str, list[str]]] = {
    "sciq": (
        "Question: What do 8 magnets attract?\nAnswer:",
        " iron 8",
        [" glass 8", " iron 8", " paper 8", " wood 8"],
    ),
    "quartz": (
        "The deeper, the lower.\n"
        "Question: A diver goes down to 9 m. What is it like there?\nAnswer:",
        " lower",
        [" higher", " lower"],
    ),
    "commonsenseqa": (
        "Question: Where would you keep 10 spoons?\n"
        "A. river\nB. drawer\nC. roof\nD. cloud 10\nE. shoe\nAnswer:",
        " B",
        LETTERS,
    ),
    "boolq": (
        "Penguins are birds. Passage 10 says that they fly.\n"
        "Question: can penguins of kind 5 fly?\nAnswer:",
        " yes",
        [" no", " yes"],
    ),
    "piqa": (
        "Question: To dry 10 towels,\nAnswer:",
        " hang them in the sun.",
        [" hang them in the sun.", " hang them in water for 10 hours."],
    ),
    "mmlu": (
        "The following are multiple choice questions (with answers) about astronomy.\n\n"
        "Which number follows 0?\nA. 2\nB. 1\nC. 0\nD. 0\nAnswer:",
        " B",
        LETTERS[:4],
    ),
    "amazon-polarity": (
        'Review: Review 22000\nI sent back lamp number 22000, a ""gift"".\nSentiment:',
        " negative",
        [" negative", " positive"],
    ),
}
"""Card → prompt, answer and choices (in the order of their letters) of its first test question."""

USED: dict[str, list[str]] = {
    "sciq": ["question", "correct_answer", "distractor1", "distractor2", "distractor3"],
    "quartz": ["question", "choices", "answerKey", "para", "para_anno"],
    "commonsenseqa": ["question", "choices", "answerKey", "question_concept"],
    "boolq": ["question", "answer", "passage"],
    "piqa": ["goal", "sol1", "sol2", "label"],
    "mmlu": ["question", "choices", "answer", "subject"],
    "amazon-polarity": ["content", "label", "title"],
}
"""Card → the fields without which it has no questions, or can't be sliced as it promises."""


def shipped(name: str) -> TaskCard:
    return load_card(CARDS / f"{name}.yaml")


@pytest.fixture(scope="module")
def from_hub(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """Every card's questions as read from a hub, in a process to which loopback is the hub."""
    program = [sys.executable, Path(__file__).with_name("read_cards.py")]
    cards = [CARDS / f"{name}.yaml" for name in SAMPLES]
    home = str(tmp_path_factory.mktemp("hf"))
    with serve_all({sample.dataset: sample.branches() for sample in SAMPLES.values()}) as endpoint:
        done = subprocess.run(
            [*program, *cards],
            env={**os.environ, "HF_HOME": home, "HF_ENDPOINT": endpoint},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def from_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """Every card's questions as read from local files with the same rows."""
    root = tmp_path_factory.mktemp("data")
    for sample in SAMPLES.values():
        sample.write(root)
    return {name: tell(shipped(name), root) for name in SAMPLES}


@every_card
def test_both_sources_say_the_same(
    name: str, from_hub: dict[str, Told], from_files: dict[str, Told]
) -> None:
    assert set(from_hub[name]) == {"train", "validation", "test"}
    assert from_files[name] == from_hub[name]


@every_card
def test_a_question_by_hand(name: str, from_hub: dict[str, Told]) -> None:
    first = from_hub[name]["test"][0]
    prompt, answer, choices = FIRST_OF_TEST[name]
    assert (first["prompt"], first["answer"]) == (prompt, answer)
    given = first["choices"]
    assert (sorted(given) if name == "sciq" else given) == choices, "sciq's are shuffled"


@every_card
def test_a_hidden_answer_is_never_asked_for(
    name: str, from_hub: dict[str, Told], from_files: dict[str, Told]
) -> None:
    sample = SAMPLES[name]
    question = {"piqa": "goal", "amazon-polarity": "content"}.get(name, "question")
    hidden = [row[question].strip() for row in sample.rows.get(sample.hidden, [])]
    assert bool(hidden) == (name in ("piqa", "commonsenseqa"))
    for told in (from_hub[name], from_files[name]):
        prompts = [item["prompt"] for questions in told.values() for item in questions]
        assert not [text for text in hidden if any(text in prompt for prompt in prompts)]


@every_card
def test_no_question_stands_in_two_splits(name: str, from_hub: dict[str, Told]) -> None:
    ids = [item["id"] for questions in from_hub[name].values() for item in questions]
    assert len(ids) == len(set(ids))


@every_card
def test_no_commit_is_invented(name: str) -> None:
    assert shipped(name).unpinned == (SAMPLES[name].dataset,)


@pytest.mark.parametrize(
    ("name", "missing"), [(name, field) for name, fields in USED.items() for field in fields]
)
def test_a_missing_field_is_one_clear_error(
    name: str, missing: str, data: Path, write_rows: WriteRows
) -> None:
    sample = SAMPLES[name]
    for split, rows in sample.rows.items():
        kept = [{key: row[key] for key in row if key != missing} for row in rows[:4]]
        write_rows(f"{sample.folder}/{split}.jsonl", kept)
    with pytest.raises(InputError, match=f"`{missing}") as raised:
        load_questions(shipped(name), "test", data_root=data)
    assert f"{sample.folder}/" in str(raised.value.where)


def drawn(name: str, slice_text: str, data: Path) -> list[Question]:
    SAMPLES[name].write(data)
    return draw(parse_slice(slice_text), shipped(name), "ood", seed=0, data_root=data)


@pytest.mark.parametrize(
    ("wanted", "subjects"),
    [
        ("astronomy", {"astronomy"}),
        ("astronomy|college_physics", {"astronomy", "college_physics"}),
        ("stem", {"astronomy", "college_physics"}),
        ("humanities", {"high_school_us_history"}),
        ("high_school", {"high_school_us_history"}),
    ],
)
def test_mmlu_by_subject(wanted: str, subjects: set[str], data: Path) -> None:
    questions = drawn("mmlu", f"mmlu[subject={wanted}]", data)
    assert {question.attributes["subject"] for question in questions} == subjects
    assert len(questions) == 3 * len(subjects)


def test_an_unknown_subject_is_named_with_those_that_occur(data: Path) -> None:
    with pytest.raises(InputError, match=r"no question has subject `alchemy`") as raised:
        drawn("mmlu", "mmlu[subject=alchemy]", data)
    assert "astronomy (3), college_physics (3)" in (raised.value.hint or "")


def test_mmlu_categories_are_the_papers() -> None:
    """18, 13, 12 and 14 subjects, 57 in all; a level is what a subject's name begins with."""
    groups = shipped("mmlu").groups["subject"]
    categories = [groups[name] for name in ("stem", "humanities", "social_sciences", "other")]
    assert [len(category) for category in categories] == [18, 13, 12, 14]
    subjects = {subject for category in categories for subject in category}
    assert len(subjects) == 57
    for level in ("high_school", "college", "professional"):
        assert set(groups[level]) == {name for name in subjects if name.startswith(f"{level}_")}


def test_quartz_by_relationship(data: Path) -> None:
    inverse = "quartz[cause_direction=MORE, effect_direction=LESS]"
    questions = drawn("quartz", inverse, data)
    assert {question.attributes["effect"] for question in questions} == {"friction"}
    # Test rows 9 to 12: those with an odd number are inverse, and row 10 has no annotation.
    assert len(questions) == 2


def test_a_review_without_a_title(from_hub: dict[str, Told]) -> None:
    train = from_hub["amazon-polarity"]["train"]
    assert train[0]["prompt"] == 'Review: I sent back lamp number 0, a ""gift"".\nSentiment:'
    assert train[1]["prompt"].startswith("Review: Review 1\nI liked lamp number 1,")


def test_sciq_answers_stand_anywhere(data: Path, write_rows: WriteRows) -> None:
    rows = [{**SAMPLES["sciq"].rows["test"][0], "question": f"Q{n}?"} for n in range(400)]
    for split in ("train", "validation", "test"):
        write_rows(f"sciq/{split}.jsonl", rows)
    pool = load_questions(shipped("sciq"), "test", data_root=data)
    places = [question.answer_index for question in pool]
    assert all(70 <= places.count(place) <= 130 for place in range(4))


def test_real_files_are_read_whole(real_data: Path) -> None:
    there = [name for name in SAMPLES if (real_data / SAMPLES[name].folder).is_dir()]
    if not there:
        pytest.skip(f"none of {', '.join(SAMPLES)} in {real_data}")
    for card in map(shipped, there):
        for split in card.sources[0].splits:
            pool = load_pool(card, split, data_root=real_data)
            assert pool.duplicates < 0.02 * pool.rows
            assert all(question.answer in question.choices for question in pool.questions)
