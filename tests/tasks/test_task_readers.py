"""Data files: every format reads alike, and a malformed one names its line."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from task_helpers import MakeCard

from ensemble_core.errors import InputError
from ensemble_core.tasks.questions import load_pool, load_questions
from ensemble_core.tasks.readers import read_rows

ROWS: list[dict[str, Any]] = [
    {"question": "Größer: 1 or 2?", "a": "1", "b": "2", "answer": "2", "level": 1},
    {"question": 'say "x, y"\nand z', "a": "yes", "b": "no", "answer": "yes", "level": 2.5},
    {"question": "which?", "a": "this", "b": "that", "answer": "that", "level": None},
]
NAMES = list(ROWS[0])


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows in the format of the suffix."""
    if path.suffix in (".jsonl", ".ndjson"):
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            dialect = "excel-tab" if path.suffix == ".tsv" else "excel"
            writer = csv.DictWriter(file, NAMES, dialect=dialect)
            writer.writeheader()
            writer.writerows(rows)


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "json", "csv", "tsv", "parquet"])
def test_every_format_gives_the_same_questions(
    data: Path, make_card: MakeCard, suffix: str
) -> None:
    write(data / f"q.{suffix}", ROWS)
    card = make_card(
        f"sources:\n  - files: {{train: q.{suffix}}}\n"
        "    fields: {answer: answer, choices: [a, b], difficulty: level}\n"
    )
    questions = load_questions(card, "train", data_root=data)
    assert [q.prompt for q in questions] == [row["question"] for row in ROWS]
    assert [q.choices for q in questions] == [(row["a"], row["b"]) for row in ROWS]
    assert [q.answer_index for q in questions] == [1, 0, 1]
    assert [q.difficulty for q in questions] == [1.0, 2.5, None]


def test_a_number_that_a_table_lacks_is_no_difficulty(data: Path, make_card: MakeCard) -> None:
    levels = [1.0, float("nan"), None]
    rows = [{"question": f"Q{n}", "answer": "a", "level": level} for n, level in enumerate(levels)]
    write(data / "q.parquet", rows)
    card = make_card(
        "sources:\n  - files: {train: q.parquet}\n    fields: {answer: answer, difficulty: level}\n"
    )
    questions = load_questions(card, "train", data_root=data)
    assert [q.difficulty for q in questions] == [1.0, None, None]


@pytest.mark.parametrize(
    ("name", "content", "where", "what"),
    [
        ("a.jsonl", b'{"q": 1}\n\n{"q": 1,}\n', "a.jsonl:3:9", "not valid JSON"),
        ("a.jsonl", b'{"q": 1}\n[1]\n', "a.jsonl:2", "not a JSON object"),
        ("a.jsonl", b'{"q": NaN}\n', "a.jsonl:1", "NaN is not a JSON value"),
        ("a.jsonl", b"", "a.jsonl", "the file has no rows"),
        ("a.jsonl", b"\n \n", "a.jsonl", "the file has no rows"),
        ("a.jsonl", b'{"q": 1}\n{"q": "\xff"}\n', "a.jsonl:2", "not UTF-8"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl:1", "nested too deep"),
        ("a.json", b'{"q": 1}', "a.json", "does not hold a list"),
        ("a.json", b'[{"q": 1},\n {"q": }]', "a.json:2:8", "not valid JSON"),
        ("a.json", b'[{"q": 1}, 3]', "a.json: item 2", "not a JSON object"),
        ("a.json", b"[]", "a.json", "the file has no rows"),
        ("a.csv", b"q,a\n1,2\n1\n", "a.csv:3", "1 cells, and the header 2"),
        ("a.csv", b"q,a\n1,2,3\n", "a.csv:2", "3 cells, and the header 2"),
        ("a.csv", b'q,a\n"1,2\n', "a.csv:2", "not valid CSV"),
        ("a.csv", b"q,q\n1,2\n", "a.csv:1", "`q` stands twice"),
        ("a.csv", b"q,a\n", "a.csv", "the file has no rows"),
        ("a.parquet", b"PAR1 not really", "a.parquet", "not valid Parquet"),
        ("a.parquet", b"", "a.parquet", "not valid Parquet"),
    ],
)
def test_malformed(data: Path, name: str, content: bytes, where: str, what: str) -> None:
    (data / name).write_bytes(content)
    with pytest.raises(InputError, match=what) as raised:
        list(read_rows(data / name))
    assert str(raised.value.where) == str(data / where)


def test_a_folder_is_not_a_file(data: Path) -> None:
    (data / "a.jsonl").mkdir()
    with pytest.raises(InputError, match="can't be read"):
        list(read_rows(data / "a.jsonl"))


def test_a_record_over_several_lines_is_named_by_its_first(data: Path) -> None:
    (data / "a.csv").write_text('q,a\n"x\ny",1\nz,2\n')
    assert [row.where for row in read_rows(data / "a.csv")] == [
        f"{data}/a.csv:2",
        f"{data}/a.csv:4",
    ]


def test_links_do_not_leave_the_data_root(data: Path, make_card: MakeCard) -> None:
    outside = data.parent / "secret.jsonl"
    outside.write_text('{"question": "a", "answer": "b"}\n')
    (data / "q.jsonl").symlink_to(outside)
    card = make_card("sources:\n  - files: {train: q.jsonl}\n")
    with pytest.raises(InputError, match="out of the data root"):
        load_questions(card, "train", data_root=data)


def test_a_data_root_may_itself_be_a_link(data: Path, make_card: MakeCard) -> None:
    (data / "q.jsonl").write_text('{"question": "a", "answer": "b"}\n')
    link = data.parent / "link"
    link.symlink_to(data)
    card = make_card("sources:\n  - files: {train: q.jsonl}\n")
    assert len(load_questions(card, "train", data_root=link)) == 1


def test_several_files_make_a_split(data: Path, make_card: MakeCard) -> None:
    write(data / "a.jsonl", ROWS[:2])
    write(data / "b.parquet", ROWS[1:])
    card = make_card("sources:\n  - files: {train: [a.jsonl, b.parquet]}\n")
    pool = load_pool(card, "train", data_root=data)
    assert (len(pool.questions), pool.rows, pool.duplicates) == (3, 4, 1)
