"""Small samples of the hub's datasets, with the hub's own fields, splits and files."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

Rows: TypeAlias = list[dict[str, Any]]

_TEXT = "string"
_CHOICES = {"sequence": [{"name": "text", "dtype": _TEXT}, {"name": "label", "dtype": _TEXT}]}


def _class_label(*names: str) -> dict[str, Any]:
    return {"dtype": {"class_label": {"names": {str(n): name for n, name in enumerate(names)}}}}


def _struct(*names: str) -> dict[str, Any]:
    return {"struct": [{"name": name, "dtype": _TEXT} for name in names]}


def _features(**given: str | dict[str, Any]) -> list[dict[str, Any]]:
    """Features as a dataset's README lists them."""
    return [
        {"name": name, **({"dtype": kind} if isinstance(kind, str) else kind)}
        for name, kind in given.items()
    ]


@dataclass(frozen=True)
class Sample:
    """Some rows of a hub dataset."""

    dataset: str
    folder: str
    """The folder of its local files below the data root."""
    rows: dict[str, Rows]
    """The hub's split → rows."""
    features: list[dict[str, Any]]
    config: str = "default"
    hidden: str = ""
    """The split whose answers are hidden."""

    def branches(self) -> dict[str, dict[str, bytes]]:
        """The repository: Parquet files, and a README that says which file is which split's."""
        folder = "data" if self.config == "default" else self.config
        paths = {name: f"{folder}/{name}-00000-of-00001.parquet" for name in self.rows}
        files = {paths[name]: _parquet(rows) for name, rows in self.rows.items()}
        return {"main": {"README.md": self._readme(paths), **files}}

    def write(self, root: Path) -> None:
        """The local form: the hub's rows as JSONL, a file a split."""
        (root / self.folder).mkdir(parents=True)
        for name, rows in self.rows.items():
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (root / self.folder / f"{name}.jsonl").write_text(text)

    def _readme(self, paths: dict[str, str]) -> bytes:
        counts = {name: len(rows) for name, rows in self.rows.items()}
        splits = [{"name": name, "num_bytes": 0, "num_examples": counts[name]} for name in counts]
        info = {"config_name": self.config, "features": self.features, "splits": splits}
        files = [{"split": name, "path": path} for name, path in paths.items()]
        config = {"config_name": self.config, "data_files": files}
        front = yaml.safe_dump({"dataset_info": info, "configs": [config]}, sort_keys=False)
        return f"---\n{front}---\n".encode()


class Converted(Sample):
    """A dataset whose main branch holds code alone; the hub converted it on a branch of its own."""

    def branches(self) -> dict[str, dict[str, bytes]]:
        name = self.dataset.split("/")[1]
        files = {
            f"plain_text/{key}/0000.parquet": _parquet(rows) for key, rows in self.rows.items()
        }
        return {"main": {f"{name}.py": b"raise SystemExit"}, "refs/convert/parquet": files}


def _parquet(rows: Rows) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def _many(make: Callable[[int], dict[str, Any]], **counts: int) -> dict[str, Rows]:
    """Rows by their number, which runs on from split to split."""
    rows: dict[str, Rows] = {}
    start = 0
    for name, count in counts.items():
        rows[name] = [make(n) for n in range(start, start + count)]
        start += count
    return rows


def _sciq(n: int) -> dict[str, Any]:
    return {
        "question": f"What do {n} magnets attract?",
        "distractor3": f"wood {n}",
        "distractor1": f"paper {n}",
        "distractor2": f"glass {n}",
        "correct_answer": f"iron {n}",
        "support": "" if n % 2 else "A magnet attracts iron.",
    }


def _quartz(n: int) -> dict[str, Any]:
    more = n % 2 == 0
    signs = {"cause_dir_sign": "MORE", "effect_dir_sign": "MORE" if more else "LESS"}
    words = {"cause_dir_str": "more", "effect_dir_str": "higher" if more else "lower"}
    about = {"effect_prop": "pressure" if more else "friction", "cause_prop": "depth"}
    return {
        "id": f"QRQA-{n}",
        "question": f"A diver goes down to {n} m. What is it like there?",
        "choices": {"text": ["higher", "lower"], "label": ["A", "B"]},
        "answerKey": "A" if more else "B",
        "para": f"The deeper, the {words['effect_dir_str']}.",
        "para_id": f"QRSent-{n}",
        "para_anno": {**words, **signs, **about} if n % 5 else None,
        "question_anno": {"more_effect_dir": "higher", "less_effect_dir": "lower"},
    }


def _commonsenseqa(n: int) -> dict[str, Any]:
    return {
        "id": f"{n:032x}",
        "question": f" Where would you keep {n} spoons?",
        "question_concept": "spoons" if n % 2 else "keep",
        "choices": {
            "label": ["A", "B", "C", "D", "E"],
            "text": ["river", "drawer", "roof", f"cloud {n}", "shoe"],
        },
        "answerKey": "" if n >= 14 else "B",
    }


def _boolq(n: int) -> dict[str, Any]:
    # As on the hub: one question of two passages, with two answers.
    says = "walk" if n % 2 else "fly"
    return {
        "question": f"can penguins of kind {n // 2} fly",
        "answer": n % 2 == 0,
        "passage": f"Penguins are birds. Passage {n} says that they {says}.",
    }


def _piqa(n: int) -> dict[str, Any]:
    return {
        "goal": f"To dry {n} towels,",
        "sol1": "hang them in the sun.",
        "sol2": f"hang them in water for {n} hours.",
        "label": -1 if n >= 14 else n % 2,
    }


def _mmlu(n: int) -> dict[str, Any]:
    subjects = ("astronomy", "high_school_us_history", "college_physics")
    return {
        "question": f"Which number follows {n}? ",
        "subject": subjects[n % 3],
        "choices": [str(n + 2), str(n + 1), str(n), str(n)],  # choices may be alike
        "answer": 1,
    }


def _auxiliary(n: int) -> dict[str, Any]:
    return {**_mmlu(n), "question": f"An auxiliary question {n}?", "subject": ""}


def _review(n: int) -> dict[str, Any]:
    word = "liked" if n % 2 else "sent back"
    title = "" if n % 7 == 0 else f"Review {n}"
    return {"label": n % 2, "title": title, "content": f'I {word} lamp number {n}, a ""gift"".'}


SAMPLES: dict[str, Sample] = {
    "sciq": Sample(
        "allenai/sciq",
        "sciq",
        _many(_sciq, train=6, validation=2, test=3),
        _features(
            question=_TEXT,
            distractor3=_TEXT,
            distractor1=_TEXT,
            distractor2=_TEXT,
            correct_answer=_TEXT,
            support=_TEXT,
        ),
    ),
    "quartz": Sample(
        "allenai/quartz",
        "quartz",
        _many(_quartz, train=9, test=4, validation=3),
        _features(
            id=_TEXT,
            question=_TEXT,
            choices=_CHOICES,
            answerKey=_TEXT,
            para=_TEXT,
            para_id=_TEXT,
            para_anno=_struct(
                "effect_prop",
                "cause_dir_str",
                "effect_dir_str",
                "cause_dir_sign",
                "effect_dir_sign",
                "cause_prop",
            ),
            question_anno=_struct("more_effect_dir", "less_effect_dir"),
        ),
    ),
    "commonsenseqa": Sample(
        "tau/commonsense_qa",
        "commonsenseqa",
        _many(_commonsenseqa, train=10, validation=4, test=3),
        _features(
            id=_TEXT, question=_TEXT, question_concept=_TEXT, choices=_CHOICES, answerKey=_TEXT
        ),
        hidden="test",
    ),
    "boolq": Sample(
        "google/boolq",
        "boolq",
        _many(_boolq, train=10, validation=4),
        _features(question=_TEXT, answer="bool", passage=_TEXT),
    ),
    "piqa": Converted(
        "ybisk/piqa",
        "piqa",
        _many(_piqa, train=10, validation=4, test=3),
        _features(goal=_TEXT, sol1=_TEXT, sol2=_TEXT, label=_class_label("0", "1")),
        hidden="test",
    ),
    "mmlu": Sample(
        "cais/mmlu",
        "mmlu",
        _many(_mmlu, test=9, validation=6, dev=3) | _many(_auxiliary, auxiliary_train=3),
        _features(
            question=_TEXT,
            subject=_TEXT,
            choices={"sequence": _TEXT},
            answer=_class_label("A", "B", "C", "D"),
        ),
        config="all",
    ),
    "amazon-polarity": Sample(
        "fancyzhx/amazon_polarity",
        "amazon_polarity",
        # As many as the card takes: a slice beyond the hub's split would be an error.
        _many(_review, train=22_000, test=10_000),
        _features(label=_class_label("negative", "positive"), title=_TEXT, content=_TEXT),
        config="amazon_polarity",
    ),
}
"""Card → a sample of its dataset."""
