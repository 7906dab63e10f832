"""A sweep whose models answered questions: one cell per configuration and seed."""

import io
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from ledgers import key_of, measurements, publish

from ensemble_core.measuring import QuestionResult
from ensemble_core.tasks.question import Question
from ensemble_core.tasks.table import questions_to_table
from w2s_platform.store import Store

ROLES = ("validation", "id", "ood")


def answered(
    store: Store,
    sweep: str,
    varied: Mapping[str, Any],
    seed: int,
    question: Question,
    given: Mapping[str, str],
) -> dict[str, Any]:
    """A finished cell in which subjects were asked one question in every role; its record.

    Args:
        store: Where its artifacts are put.
        sweep: The sweep's name.
        varied: The cell's settings.
        seed: The cell's seed.
        question: What was asked.
        given: Subject → its answer.
    """
    data = key_of("data", question.prompt)
    if store.find(data) is None:
        table = questions_to_table([question])
        publish(store, data, "data", {"questions.parquet": _parquet(table)})
    trial = key_of(sweep, sorted(varied.items()))
    cell = {"id": key_of(trial, seed)[:12], "seed": seed, "trial": trial, "varied": dict(varied)}
    rows = measurements(cell)
    measures: list[dict[str, str]] = []
    for subject, text in given.items():
        for role in ROLES:
            key = key_of(trial, seed, subject, role)
            files: dict[str, Any] = {"questions.parquet": _parquet(_results(question, text))}
            mine = [r for r in rows if (r["subject"], r["role"]) == (subject, role)]
            files["measurements.json"] = mine
            publish(store, key, "evaluate", files, {"data": data}, {"metrics": ["accuracy"]})
            measures.append(
                {"subject": subject, "role": role, "task": "arc", "split": "test", "key": key}
            )
    return cell | {
        "measures": measures, "stages": [measure["key"] for measure in measures], "models": {},
    }  # fmt: skip


def _results(question: Question, text: str) -> pa.Table:
    right = text == question.answer
    result = QuestionResult(question.id, text, right, token_correct=(right, True))
    return pa.Table.from_pylist([asdict(result)])


def _parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()
