"""Remarks beside the numbers."""

import json
from dataclasses import replace
from pathlib import Path

from w2s_platform.results.ledger import CellRecord, Ledger
from w2s_platform.results.notes import ensemble_notes, staleness
from w2s_platform.stage import Stage
from w2s_platform.store import Store, open_store


def cell(name: str, ensemble: str = "") -> CellRecord:
    models = {"ensemble": ensemble} if ensemble else {}
    return CellRecord(name, 0, "t", {}, (), (), models)


def made(store: Store, number: int, note: str | None) -> str:
    stage = Stage("ensemble", {"number": number})
    lease = store.acquire(stage.key, stage.kind)
    assert lease is not None
    with lease:
        (lease.workdir / "ensemble.json").write_text(json.dumps({"note": note}))
        lease.publish(preimage=stage.preimage)
    return stage.key


def test_an_ensemble_that_is_not_what_was_asked_for_is_told_with_its_cells(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    keys = [made(store, n, note) for n, note in enumerate(["all rejected", None, "all rejected"])]
    ledger = Ledger("s", tuple(cell(str(n), key) for n, key in enumerate(keys)))
    assert ensemble_notes(store, ledger) == ["all rejected (2 of 3 cells)"]


def test_an_ensemble_that_has_not_run_has_no_note(tmp_path: Path) -> None:
    ledger = Ledger("s", (cell("a", "ab" * 32), cell("b")))
    assert ensemble_notes(open_store(str(tmp_path)), ledger) == []


def test_a_file_that_spans_other_cells_than_were_run_is_told() -> None:
    ledger = Ledger("s", (cell("a"), cell("b")))
    assert staleness(ledger, {"b": (), "a": ()}) == []
    [told] = staleness(ledger, {"a": (), "c": (), "d": ()})
    assert "2 of its 3 cells are not in these results, 1 of these are not in the file" in told


def test_cells_whose_stages_have_other_keys_now_are_told() -> None:
    made = replace(cell("a"), stages=("data", "round"))
    ledger = Ledger("s", (made, cell("b")))
    assert staleness(ledger, {"a": ("round", "data"), "b": ("data",)}) == []
    assert staleness(ledger, {"a": (), "b": ()}) == [], "what can't be told is not told"
    [told] = staleness(ledger, {"a": ("other data", "other round"), "b": ("data",)})
    assert told.startswith("1 of 2 cells were run with other data")
