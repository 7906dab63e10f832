"""The shipped cards on the real question sets."""

import json
import time
from pathlib import Path

import pytest
from task_helpers import REPO

from ensemble_core.errors import InputError
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.cards import load_card
from ensemble_core.tasks.questions import load_pool, load_questions
from ensemble_core.tasks.roles import default_split, draw, draw_counted
from ensemble_core.tasks.slices import parse_slice


def shipped(name: str) -> TaskCard:
    return load_card(REPO / "sweeps" / "tasks" / f"{name}.yaml")


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "folder", "counts"),
    [
        ("arc-easy", "arc_easy", {"train": 2251, "validation": 570, "test": 2376}),
        ("arc-challenge", "arc_challenge", {"train": 1119, "validation": 299, "test": 1172}),
        ("openbookqa", "openbookqa", {"train": 4957, "test": 500}),
        ("gsm8k", "gsm8k", {"train": 7473, "test": 1319}),
    ],
)
def test_every_row_is_read(real_data: Path, name: str, folder: str, counts: dict[str, int]) -> None:
    card = shipped(name)
    for split, count in counts.items():
        pool = load_pool(card, split, data_root=real_data)
        assert pool.rows == count == len(rows(real_data / folder / f"{split}.jsonl"))
        assert len({question.id for question in pool.questions}) == len(pool.questions)
        assert pool.duplicates < 0.01 * count
        assert all(question.answer.startswith(" ") for question in pool.questions)
        assert all(
            question.answer in question.choices or name == "gsm8k" for question in pool.questions
        )


def test_arc_easy_by_hand(real_data: Path) -> None:
    """Every answer, read again without our code."""
    card = shipped("arc-easy")
    pool = load_questions(card, "test", data_root=real_data)
    raw = rows(real_data / "arc_easy" / "test.jsonl")
    assert len(pool) == len(raw)
    sizes: set[int] = set()
    for question, row in zip(pool, raw, strict=True):
        texts, labels = row["choices"]["text"], row["choices"]["label"]  # type: ignore[index]
        assert question.choices == tuple(f" {text}" for text in texts)
        assert question.answer == " " + dict(zip(labels, texts, strict=True))[row["answerKey"]]
        assert question.prompt == f"Question: {row['question']}\nAnswer:"
        assert (question.difficulty, question.attributes["grade"]) == (
            row["difficulty"],
            row["grade"],
        )
        sizes.add(len(texts))
    assert sizes == {3, 4, 5}


def test_arc_easy_by_difficulty(real_data: Path) -> None:
    card = shipped("arc-easy")
    easy = draw_counted(
        parse_slice("arc-easy[difficulty=Low|Medium]"),
        card,
        "labelled",
        seed=0,
        data_root=real_data,
    )
    assert (len(easy.questions), easy.unrated, easy.others) == (335 + 908, 834, 174)
    same = parse_slice("arc-easy[difficulty=easy]")
    assert list(easy.questions) == draw(same, card, "labelled", seed=0, data_root=real_data)
    spec = parse_slice("arc-easy[difficulty=High, size=200]")
    with pytest.raises(InputError, match="174 such questions; 200 are asked for"):
        draw(spec, card, "labelled", seed=0, data_root=real_data)
    with pytest.raises(
        InputError, match=r"High \(174\), Low \(335\), Medium \(908\), none \(834\)"
    ):
        draw(
            parse_slice("arc-easy[difficulty=Hard]"), card, "labelled", seed=0, data_root=real_data
        )
    grade = parse_slice("arc-easy[grade=Grade 08, bloom=Applying, split=test]")
    assert draw(grade, card, "labelled", seed=0, data_root=real_data)


def test_arc_challenge_answers_stand_anywhere(real_data: Path) -> None:
    pool = load_questions(shipped("arc-challenge"), "test", data_root=real_data)
    places = [question.answer_index for question in pool if len(question.choices) == 4]
    assert all(0.2 < places.count(place) / len(places) < 0.3 for place in range(4))
    assert {len(question.choices) for question in pool} == {3, 4, 5}


def test_openbookqa_has_local_splits_of_its_own(real_data: Path) -> None:
    card = shipped("openbookqa")
    assert default_split(card, "validation", real_data) == "train"
    assert default_split(card, "validation", None) == "validation"


def test_gsm8k_final_answers(real_data: Path) -> None:
    card = shipped("gsm8k")
    for split in ("train", "test"):
        for question in load_questions(card, split, data_root=real_data):
            final = question.final(question.answer)
            assert final is not None
            assert final.lstrip("-").isdecimal()
            assert final == question.answer.rsplit("####", 1)[1].strip().replace(",", "")


def test_fairytale_by_hand(real_data: Path) -> None:
    """Five sections at a time: one is read, four are written, at least three."""
    card = shipped("fairytale")
    seen: set[str] = set()
    for split, count in {"train": 622, "validation": 71, "test": 67}.items():
        expected: list[tuple[str, str, object]] = []
        for row in rows(real_data / "fairytale" / f"{split}.jsonl"):
            sections = list(row["sections"])  # type: ignore[call-overload]
            while len(sections) >= 4:
                read, *written = sections[:5]
                expected.append((read, "\n\n" + "\n\n".join(written), row["origin"]))
                del sections[:5]
        pool = load_pool(card, split, data_root=real_data)
        found = [(q.prompt, q.answer, q.attributes["book"]) for q in pool.questions]
        assert found == expected
        assert (len(found), pool.duplicates) == (count, 0)
        assert not seen & {question.id for question in pool.questions}
        seen |= {question.id for question in pool.questions}


def test_fairytale_by_book(real_data: Path) -> None:
    spec = parse_slice("fairytale[book=grimm-fairybook, passage=1]")
    drawn = draw_counted(spec, shipped("fairytale"), "labelled", seed=0, data_root=real_data)
    assert {q.attributes["book"] for q in drawn.questions} == {"grimm-fairybook"}
    assert len(drawn.questions) == 10, "one of the eleven stories has fewer than four sections"


@pytest.mark.alone
def test_loading_is_quick(real_data: Path) -> None:
    card = shipped("gsm8k").model_copy(update={"prompt": "Q: {{ question }}\nA:"})
    start = time.process_time()
    load_questions(card, "train", data_root=real_data)
    assert time.process_time() - start < 2
    start = time.process_time()
    for _ in range(50):
        card.fingerprint(real_data)
    assert time.process_time() - start < 0.5
