"""Sweep ledgers: what a sweep consists of, kept under its name and its content's key."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from w2s_platform.stage import canonical_json
from w2s_platform.store import names, records
from w2s_platform.store.backend import Backend, Blob
from w2s_platform.store.errors import StoreError
from w2s_platform.store.records import DamagedRecordError, Record

FORMAT = 1


class SweepVersion(Record):
    """One recording of a sweep's ledger."""

    key: str
    """SHA-256 of the ledger's canonical JSON."""
    recorded: str
    """ISO 8601, UTC."""


class _History(Record):
    versions: list[SweepVersion]


class SweepBook:
    """Keeps the ledgers of a store."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def record(self, name: str, ledger: Mapping[str, Any]) -> str:
        """Make this the sweep's newest ledger; its content key.

        Earlier versions stay. The newest one recorded again changes nothing.
        """
        text = canonical_json(dict(ledger))
        key = hashlib.sha256(text.encode()).hexdigest()
        self._backend.put_new(f"{names.sweep(name)}{key}.json", text.encode())
        while not self._point_to(name, key):
            continue  # another driver recorded one at the same moment: add ours after it
        return key

    def names(self) -> list[str]:
        """Names of all recorded sweeps, sorted."""
        folders = self._backend.children("sweeps/")
        return sorted(names.sweep_of(folder) for folder in folders)

    def versions(self, name: str) -> list[SweepVersion]:
        """Every recording of the sweep, the oldest first; empty where there is none.

        Raises:
            InputError: A newer version of the project wrote it.
        """
        return self._history(name, self._backend.get(_pointer(name)))

    def load(self, name: str, key: str | None = None) -> dict[str, Any] | None:
        """The sweep's newest ledger, or the one with this content key; None where there is none.

        Raises:
            StoreError: It does not have the content that its key states.
        """
        if key is None:
            versions = self.versions(name)
            if not versions:
                return None
            key = versions[-1].key
        blob = self._backend.get(f"{names.sweep(name)}{names.check_key(key)}.json")
        if blob is None:
            return None
        if hashlib.sha256(blob.data).hexdigest() != key:
            raise StoreError(
                f"the ledger of sweep {name!r} is damaged",
                where=str(self._backend.local_path(f"{names.sweep(name)}{key}.json")),
                hint="delete that file and run the sweep again; finished stages are kept",
            )
        return json.loads(blob.data)

    def _point_to(self, name: str, key: str) -> bool:
        blob = self._backend.get(_pointer(name))
        versions = self._history(name, blob)
        if versions and versions[-1].key == key:
            return True
        added = [*versions, SweepVersion(key=key, recorded=records.utc_now())]
        data = records.dump(_History(versions=added), FORMAT)
        if blob is None:
            return self._backend.put_new(_pointer(name), data) is not None
        return self._backend.replace(_pointer(name), data, blob.version) is not None

    def _history(self, name: str, blob: Blob | None) -> list[SweepVersion]:
        if blob is None:
            return []
        try:
            return records.parse(_History, blob.data, FORMAT, f"sweep {name!r}").versions
        except DamagedRecordError:
            return []  # the ledgers themselves are intact; the next recording starts a new history


def _pointer(name: str) -> str:
    return f"{names.sweep(name)}newest.json"
