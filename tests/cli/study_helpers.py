"""Made-up accuracies, artifacts that hold them, and commands as a user types them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from w2s_platform.cli.inputs import Study
from w2s_platform.cli.main import execute
from w2s_platform.results.ledger import record
from w2s_platform.results.rows import MEASUREMENTS
from w2s_platform.store import Cost, Store

VALUES = {
    "floor": 0.4, "bagging": 0.42, "ensemble": 0.45, "single": 0.5, "student": 0.55,
    "ceiling": 0.9, "weak_base": 0.1, "strong_base": 0.2,
}  # fmt: skip


def accuracy(subject: str, seed: int, combiner: str) -> float:
    better = 0.1 if combiner == "vote" and subject in ("ensemble", "student") else 0.0
    return VALUES[subject] + 0.01 * seed + better


def run(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    """Run a command; what it printed on standard output."""
    got = execute(arguments)
    printed = capsys.readouterr()
    assert got == status, printed.err
    return printed.out if status == 0 else printed.err


def publish(store: Store, study: Study, key: str, files: Mapping[str, Any]) -> None:
    """Put an artifact into the store, as the stage itself would have."""
    stage = study.graph.stages[key]
    lease = store.acquire(key, stage.kind)
    assert lease is not None
    with lease:
        for name, content in files.items():
            (lease.workdir / name).write_text(json.dumps(content))
        lease.publish(Cost(wall_seconds=2.0), preimage=stage.preimage)


def fill(store: Store, study: Study) -> None:
    """Finish every stage of every cell with accuracies made up here."""
    record(store, study.graph)
    done: set[str] = set()
    for cell in study.graph.cells:
        for measure in cell.measures:
            if measure.key not in done:
                done.add(measure.key)
                value = accuracy(measure.subject, cell.seed, cell.varied["experts.combine"])
                row = {"metric": "accuracy", "value": value, "stderr": 0.01, "n": 35}
                publish(store, study, measure.key, {MEASUREMENTS: [row]})
    for key in study.graph.stages:
        if key not in done:
            publish(store, study, key, {"ensemble.json": {"note": None}, "made.json": key[:4]})
