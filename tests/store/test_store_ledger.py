"""Sweep ledgers: the newest is found, the earlier ones stay."""

import hashlib
import json
import threading

import pytest

from ensemble_core.errors import InputError
from w2s_platform.store import Store, StoreError, names

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
LEDGER = {"cells": [{"id": "ab", "seed": 0, "rate": 1e-4}], "sweep": "nano"}


def test_ledger_comes_back(any_store: Store):
    key = any_store.record_sweep("nano", LEDGER)
    text = json.dumps(LEDGER, sort_keys=True, separators=(",", ":"))
    assert key == hashlib.sha256(text.encode()).hexdigest()
    assert any_store.load_sweep("nano") == LEDGER
    assert any_store.sweeps() == ["nano"]


def test_newest_is_loaded_and_earlier_ones_stay(any_store: Store):
    ledgers = [{"n": 1}, {"n": 2}, {"n": 2}, {"n": 1}]
    keys = [any_store.record_sweep("nano", ledger) for ledger in ledgers]
    assert any_store.load_sweep("nano") == {"n": 1}
    assert any_store.load_sweep("nano", keys[1]) == {"n": 2}
    assert [version.key for version in any_store.sweep_versions("nano")] == [
        keys[0], keys[1], keys[0],
    ]  # fmt: skip


def test_unknown_sweep_is_none(any_store: Store):
    assert any_store.load_sweep("nano") is None
    assert any_store.sweep_versions("nano") == []
    any_store.record_sweep("nano", LEDGER)
    assert any_store.load_sweep("nano", "0" * 64) is None


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "..", ".", "größe 1", "%2E", "con:", "newest.json"]
)
def test_any_text_is_a_sweeps_name(store: Store, name: str):
    store.record_sweep(name, LEDGER)
    assert store.sweeps() == [name]
    assert store.load_sweep(name) == LEDGER
    root = store.backend.local_path("sweeps")
    assert {path.parent.parent for path in root.rglob("*.json")} == {root}


def test_empty_name_is_refused(store: Store):
    with pytest.raises(InputError, match="needs a name"):
        store.record_sweep("", LEDGER)


def test_damaged_ledger_is_an_error_that_says_where(store: Store):
    key = store.record_sweep("nano", LEDGER)
    path = store.backend.local_path(f"{names.sweep('nano')}{key}.json")
    path.write_text(path.read_text()[:-1])
    with pytest.raises(StoreError, match=r"nano.*damaged.*delete that file"):
        store.load_sweep("nano")


def test_damaged_history_starts_anew(store: Store):
    store.record_sweep("nano", LEDGER)
    store.backend.local_path(f"{names.sweep('nano')}newest.json").write_bytes(b"")
    store.record_sweep("nano", {"n": 2})
    assert store.load_sweep("nano") == {"n": 2}


def test_drivers_that_record_at_once_lose_no_version(store: Store):
    threads = [
        threading.Thread(target=store.record_sweep, args=("nano", {"driver": number}))
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({version.key for version in store.sweep_versions("nano")}) == 6
    assert len(store.sweep_versions("nano")) == 6
