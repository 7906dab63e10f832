"""Sweeps written into a store by hand: as large, as unfinished or as odd as a test wants them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from w2s_platform.store import Cost, FileEntry, GitState, Manifest, Provenance, Store, names
from w2s_platform.store.manifest import dump_manifest
from w2s_platform.store.records import utc_now

LEVELS = {
    "floor": 0.40, "bagging": 0.44, "ensemble": 0.46, "single": 0.50, "student": 0.56,
    "ceiling": 0.80, "weak_base": 0.12, "strong_base": 0.2,
}  # fmt: skip
WEAK = ("pythia-70m", "pythia-160m", "pythia-410m", "pythia-1b")
STRONG = ("pythia-410m", "pythia-1b", "pythia-1.4b", "pythia-2.8b", "pythia-6.9b")
SEEDS = 5
NASTY = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
"""A name that tries to be HTML."""


def key_of(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def jitter(*parts: Any) -> float:
    """A number in [-1, 1) that depends on what it is given only."""
    return int(key_of(*parts)[:8], 16) / 2**31 - 1


def publish(
    store: Store,
    key: str,
    kind: str,
    files: Mapping[str, Any],
    inputs: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Put an artifact into the store without a lease: ten thousand take seconds, not minutes.

    Files hold bytes as they are, and anything else as JSON.
    """
    folder = store.backend.workspace(names.attempt(key, "a"))
    entries: dict[str, FileEntry] = {}
    for name, content in files.items():
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / name).write_bytes(data)
        entries[name] = FileEntry(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    manifest = Manifest(
        key=key,
        kind=kind,
        preimage={
            "kind": kind,
            "version": 1,
            "settings": dict(settings or {}),
            "inputs": dict(inputs or {}),
        },
        files=entries,
        attempt="a",
        token=1,
        provenance=Provenance(git=GitState(commit="c0ffee" * 6 + "abcd", dirty=False)),
        cost=Cost(wall_seconds=2.0, device_seconds=2.0, tokens=1000, flops=1e9),
        created=utc_now(),
    )
    store.backend.put_new(names.manifest(key), dump_manifest(manifest), durable=False)


def cell(sweep: str, varied: Mapping[str, Any], seed: int, task: str = "arc") -> dict[str, Any]:
    """A cell of a ledger: one stage that measures all of its subjects, and a model each."""
    identity = key_of(sweep, sorted(varied.items()), seed)
    measured = key_of("evaluate", identity)
    models = {subject: key_of(subject, identity) for subject in ("floor", "ensemble", "student")}
    return {
        "id": identity[:12],
        "seed": seed,
        "trial": key_of(sweep, sorted(varied.items()))[:12],
        "varied": dict(varied),
        "stages": [measured],
        "measures": [
            {"subject": "floor", "role": "id", "task": task, "split": "test", "key": measured}
        ],
        "models": models,
    }


def measurements(cell: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Twenty numbers of a cell: eight subjects on ID and OOD questions, four of them twice."""
    varied, seed = cell["varied"], cell["seed"]
    lift = 0.02 * varied.get("experts.count", 1) + 0.3 * varied.get("learning_rate", 0.0)
    rows: list[dict[str, Any]] = []
    for subject, role in product(LEVELS, ("id", "ood")):
        value = (
            LEVELS[subject] - 0.08 * (role == "ood") + 0.03 * jitter(subject, role, varied, seed)
        )
        value += lift * (subject in ("ensemble", "student"))
        rows.append(
            {"subject": subject, "role": role, "metric": "accuracy", "value": value,
             "stderr": 0.01, "n": 400}
        )  # fmt: skip
        if subject in ("ensemble", "student"):
            rows.append(rows[-1] | {"metric": "nll", "value": 2 - value})
    return rows


def write_sweep(
    store: Store, sweep: str, cells: Iterable[Mapping[str, Any]], finished: int | None = None
) -> None:
    """Record a sweep, and finish the first of its cells (all, by default)."""
    listed = list(cells)
    store.record_sweep(sweep, {"sweep": sweep, "cells": listed})
    for each in listed[:finished]:
        finish(store, each)


def finish(store: Store, cell: Mapping[str, Any]) -> None:
    """Let a cell's one stage be done."""
    publish(store, cell["stages"][0], "evaluate", {"measurements.json": measurements(cell)})


def fail(store: Store, cell: Mapping[str, Any], error: str) -> None:
    """Let a cell's one stage fail for good."""
    lease = store.acquire(cell["stages"][0], "evaluate")
    assert lease is not None
    with lease:
        lease.fail(error, deterministic=True)


def grid(sweep: str, number: int) -> list[dict[str, Any]]:
    """So many cells, five seeds each, out of a grid of 2,000 configurations."""
    space = list(
        product(WEAK, STRONG, (1, 2, 4, 6, 8), ("mean", "vote", "product", "gate"),
                (0.0, 0.01, 0.02, 0.05, 0.1))
    )  # fmt: skip
    wanted = number // SEEDS
    chosen = [space[place * len(space) // wanted] for place in range(wanted)]
    keys = (
        "experts.model", "student.model", "experts.count", "experts.combine", "learning_rate",
    )  # fmt: skip
    return [
        cell(sweep, dict(zip(keys, values, strict=True)), seed)
        for values in chosen
        for seed in range(SEEDS)
    ]
