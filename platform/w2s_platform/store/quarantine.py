"""Manifests that can't be trusted: set aside, so that their artifacts are made again."""

from w2s_platform.store import names, records
from w2s_platform.store.backend import Backend, Blob
from w2s_platform.store.records import DamagedRecordError, Record

FORMAT = 1


class Quarantined(Record):
    """An artifact that was set aside."""

    key: str
    reason: str
    """In plain words."""
    found: str
    """ISO 8601, UTC."""
    manifest: str
    """Its text, as it was found."""


class QuarantineBook:
    """Keeps what was set aside in a store."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def set_aside(self, key: str, blob: Blob, reason: str) -> None:
        """Take this version of the key's manifest away; a later version stays."""
        record = Quarantined(
            key=key,
            reason=reason,
            found=records.utc_now(),
            manifest=blob.data.decode("utf-8", "replace"),
        )
        name = names.quarantined(key, blob.version)
        self._backend.put_new(name, records.dump(record, FORMAT))
        self._backend.delete(names.manifest(key), blob.version)

    def read(self, key: str) -> list[Quarantined]:
        """What was set aside of this key, the oldest first."""
        blobs = [self._backend.get(name) for name in self._backend.children(names.quarantined(key))]
        found = [parsed for blob in blobs if blob and (parsed := _parse(blob.data))]
        return sorted(found, key=lambda entry: entry.found)


def _parse(data: bytes) -> Quarantined | None:
    try:
        return records.parse(Quarantined, data, FORMAT, "the quarantine")
    except DamagedRecordError:
        return None
