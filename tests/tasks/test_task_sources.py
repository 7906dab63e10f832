"""Which source is used, what its fingerprint says, and how a source is parted."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from loopback_hub import COMMIT, jsonl, serve
from task_helpers import MakeCard, WriteRows

from ensemble_core.errors import InputError
from ensemble_core.tasks.parts import within
from ensemble_core.tasks.paths import data_root
from ensemble_core.tasks.questions import load_questions
from ensemble_core.tasks.sources import share_of

ROWS = [{"question": f"Q{n}", "answer": f"a{n}"} for n in range(200)]
BOTH = (
    "sources:\n  - files: {train: a.jsonl, test: b.jsonl}\n"
    "  - hub: {dataset: lab/quiz, splits: {train: train, validation: dev}}\n"
)


def test_the_first_source_that_is_there(
    data: Path, write_rows: WriteRows, make_card: MakeCard
) -> None:
    card = make_card(BOTH)
    assert "hub" in card.fingerprint(None)["source"]
    assert "hub" in card.fingerprint(data)["source"]
    write_rows("a.jsonl", ROWS[:3])
    with pytest.raises(InputError, match="there is no such file") as raised:
        card.fingerprint(data)
    assert str(raised.value.where) == str(data / "b.jsonl")
    write_rows("b.jsonl", ROWS[3:5])
    assert list(card.fingerprint(data)["source"]["files"]) == ["train", "test"]
    assert len(load_questions(card, "test", data_root=data)) == 2


def test_without_any_source(data: Path, make_card: MakeCard) -> None:
    card = make_card("sources:\n  - files: {train: deep/a.jsonl}\n")
    with pytest.raises(InputError, match="give --data-root or set W2S_DATA_DIR"):
        load_questions(card, "train", data_root=None)
    with pytest.raises(InputError, match=r"below the data root: deep/a\.jsonl"):
        load_questions(card, "train", data_root=data)


def test_fingerprint_is_of_content(
    data: Path, write_rows: WriteRows, make_card: MakeCard, tmp_path: Path
) -> None:
    text = "sources:\n  - files: {train: %s}\n"
    write_rows("a.jsonl", ROWS)
    card = make_card(text % "a.jsonl")
    before = card.fingerprint(data)
    assert str(data) not in str(before)
    assert "a.jsonl" not in str(before)

    moved = tmp_path / "elsewhere"
    data.rename(moved)
    (moved / "a.jsonl").rename(moved / "renamed.jsonl")
    assert make_card(text % "renamed.jsonl").fingerprint(moved) == before

    for change in ('prompt: "Q {{ question }}"\n', 'answer: " {{ answer }}"\n'):
        assert make_card(text % "renamed.jsonl" + change).fingerprint(moved) != before
    about = make_card(text % "renamed.jsonl" + "about: words\nlicence: MIT\n")
    assert about.fingerprint(moved) == before

    with (moved / "renamed.jsonl").open("a") as file:
        file.write('{"question": "new", "answer": "new"}\n')
    assert make_card(text % "renamed.jsonl").fingerprint(moved) != before


def test_a_changed_file_is_read_again(
    data: Path, write_rows: WriteRows, make_card: MakeCard
) -> None:
    card = make_card("sources:\n  - files: {train: a.jsonl}\n")
    for count in (3, 5):
        write_rows("a.jsonl", ROWS[:count])
        assert len(load_questions(card, "train", data_root=data)) == count


def test_a_fingerprint_of_one_split_reads_only_its_files(
    data: Path, write_rows: WriteRows, make_card: MakeCard
) -> None:
    write_rows("a.jsonl", ROWS[:3])
    write_rows("b.jsonl", ROWS[3:])
    card = make_card(BOTH)
    before = card.fingerprint(data, "train")
    write_rows("b.jsonl", ROWS[4:])
    assert card.fingerprint(data, "train") == before


@pytest.mark.parametrize("count", [1, 7, 10, 45, 200])
@pytest.mark.parametrize(
    "part", ["[:90%]", "[90%:]", "[33%:66%]", "[:5]", "[3:6]", "[-4:]", "[-20%:]", "[:]"]
)
def test_a_part_of_a_file_is_the_hubs(part: str, count: int) -> None:
    from datasets import ReadInstruction

    bounds = part[1:-1].split(":")
    if any(bound.isdecimal() and int(bound) > count for bound in bounds):
        pytest.skip("beyond the rows, where the hub's client gives up")
    instruction = ReadInstruction.from_spec(f"train{part}").to_absolute({"train": count})[0]
    low, high = instruction.from_ or 0, instruction.to
    assert list(within(range(count), part)) == list(range(count))[low:high]


def test_parts_of_a_file_are_splits(data: Path, write_rows: WriteRows, make_card: MakeCard) -> None:
    write_rows("a.jsonl", ROWS[:20])
    text = "sources:\n  - files: {train: 'a.jsonl[:%s]', dev: 'a.jsonl[90%%:]'}\n"
    card = make_card(text % "90%")
    train = load_questions(card, "train", data_root=data)
    assert [question.answer for question in train] == [row["answer"] for row in ROWS[:18]]
    dev = load_questions(card, "dev", data_root=data)
    assert [question.answer for question in dev] == ["a18", "a19"]
    assert card.fingerprint(data) != make_card(text % "50%").fingerprint(data)
    with pytest.raises(InputError, match="split `train` has no questions"):
        load_questions(make_card(text % "0"), "train", data_root=data)


def test_shares_part_a_source_by_content(
    data: Path, write_rows: WriteRows, make_card: MakeCard
) -> None:
    def splits(rows: list[dict[str, str]]) -> dict[str, set[str]]:
        write_rows("a.jsonl", rows)
        card = make_card(
            "sources:\n  - files: a.jsonl\n    shares: {train: 0.5, dev: 0.2, test: 0.3}\n"
        )
        names = ("train", "dev", "test")
        return {n: {q.id for q in load_questions(card, n, data_root=data)} for n in names}

    whole = splits(ROWS)
    assert sum(map(len, whole.values())) == len(set.union(*whole.values())) == 200
    assert 75 <= len(whole["train"]) <= 125
    assert 40 <= len(whole["test"]) <= 80
    half = splits(ROWS[::-2])
    assert all(half[name] < whole[name] for name in whole), "no question changes its split"


def test_share_of_is_in_proportion() -> None:
    parts = {"a": 0.1, "b": 0.6, "c": 0.3}
    counts = dict.fromkeys(parts, 0)
    for n in range(5000):
        counts[share_of(f"question {n}", parts)] += 1
    for name, share in parts.items():
        assert abs(counts[name] / 5000 - share) < 0.035


def test_data_root(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("W2S_DATA_DIR", raising=False)
    assert data_root() is None
    monkeypatch.setenv("W2S_DATA_DIR", str(data))
    assert data_root() == data
    assert data_root(data.parent) == data.parent
    with pytest.raises(InputError, match="of --data-root is not a folder"):
        data_root(data / "nope")
    monkeypatch.setenv("W2S_DATA_DIR", str(data / "nope"))
    with pytest.raises(InputError, match="of W2S_DATA_DIR is not a folder"):
        data_root()


READ_HUB = """
import json, sys
from pathlib import Path
from typing import Any
from ensemble_core.errors import W2SError
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.questions import load_questions

for text in sys.argv[1:]:
    hub = json.loads(text)
    fields = {"choices": "choices.text", "labels": "choices.label", "answer_label": "answerKey"}
    source = {"hub": {"dataset": "lab/quiz", **hub}, "fields": fields}
    card = TaskCard.model_validate({"task": "quiz", "sources": [source]})
    try:
        found = [(q.prompt, q.answer) for q in load_questions(card, "train", data_root=None)]
    except W2SError as error:
        found = str(error), isinstance(error, ConnectionError)
    print(json.dumps([card.unpinned, found]))
"""


def read_hub(tmp_path: Path, hubs: list[str], **environment: str) -> list[list[object]]:
    """Read cards in a fresh process, where the hub's address can be another."""
    import json

    done = subprocess.run(
        [sys.executable, "-c", READ_HUB, *hubs],
        env={**os.environ, "HF_HOME": str(tmp_path / "hf"), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def told(read: list[Any]) -> tuple[str, bool]:
    """An error's message, and whether it may go away."""
    message, outage = read[1]
    return message, outage


def test_a_hub_dataset(tmp_path: Path) -> None:
    choices = {"text": ["x", "y"], "label": ["1", "2"]}
    rows = [{"question": f"Q{n}", "choices": choices, "answerKey": "2"} for n in range(5)]
    files = {"train.jsonl": jsonl(rows), "test.jsonl": jsonl(rows)}
    with serve("lab/quiz", files) as endpoint:
        branch, pinned, part, revision, split = read_hub(
            tmp_path,
            [
                "{}",
                f'{{"revision": "{COMMIT}"}}',
                '{"splits": {"train": "test[:2]"}}',
                '{"revision": "nowhere"}',
                '{"splits": {"train": "dev"}}',
            ],
            HF_ENDPOINT=endpoint,
        )
    assert branch == [["lab/quiz"], [[f"Q{n}", "y"] for n in range(5)]]
    assert pinned == [[], branch[1]]
    assert part[1] == [["Q0", "y"], ["Q1", "y"]]
    (refused, outage), (unknown, _) = told(revision), told(split)
    assert refused.startswith("lab/quiz@nowhere: the hub dataset can't be read")
    assert not outage, "nothing that another try would mend"
    assert "'dev'" in unknown or '"dev"' in unknown


def test_an_unreachable_hub_is_one_clear_error(tmp_path: Path) -> None:
    (read,) = read_hub(tmp_path, ["{}"], HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9")
    error, outage = told(read)
    assert error.startswith("lab/quiz@main: the hub dataset can't be read")
    assert "or give local files and --data-root" in error
    assert outage, "another try may succeed"
