"""Leases: at most one owner works on a key, and an owner that was replaced can't publish.

A lease is one object per key, changed by conditional writes only. It is kept when it is given
back, since it remembers the last fencing token: tokens of a key only ever grow. It need not
outlast a power failure: its owner doesn't either, and other traces of the key hold the tokens.
"""

import time
import uuid
from dataclasses import dataclass

from w2s_platform.store import names, records
from w2s_platform.store.backend import Backend
from w2s_platform.store.owners import Owner, this_process
from w2s_platform.store.records import DamagedRecordError, Record

FORMAT = 1


class LeaseRecord(Record):
    """What a key's lease object says."""

    key: str
    kind: str
    token: int
    """The fencing token: larger than that of every earlier owner of the key."""
    attempt: str
    owner: Owner
    held: bool
    ttl: float
    """Seconds without a renewal after which anyone may take it over."""
    acquired: str
    """ISO 8601, UTC."""
    acquired_clock: float
    """The owner's monotonic clock, in seconds."""
    renewed_clock: float
    """The same at the last renewal; makes every renewal's text differ, too."""

    def renewed(self) -> "LeaseRecord":
        """The record of a renewal now."""
        return self.model_copy(update={"renewed_clock": time.monotonic()})

    def released(self) -> "LeaseRecord":
        """The record of a lease that was given back."""
        return self.renewed().model_copy(update={"held": False})


@dataclass(frozen=True)
class StoredLease:
    """A lease as it stands in the store; `record` is None where it can't be read."""

    record: LeaseRecord | None
    version: str
    live: bool


class LeaseBook:
    """Reads and takes the leases of a store."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def read(self, key: str) -> StoredLease | None:
        """The key's lease, or None where there never was one.

        Raises:
            InputError: A newer version of the project wrote it.
        """
        blob = self._backend.get(names.lease(key))
        if blob is None:
            return None
        try:
            record = records.parse(LeaseRecord, blob.data, FORMAT, f"the lease of {key[:12]}")
        except DamagedRecordError:
            return StoredLease(None, blob.version, live=False)
        return StoredLease(record, blob.version, self._is_live(record, blob.written))

    def take(
        self, key: str, kind: str, ttl: float, before: StoredLease | None
    ) -> StoredLease | None:
        """Become the owner, if the lease is still as it was `before`; None if it isn't."""
        record = _new_record(key, kind, ttl, self._next_token(key, before))
        data, name = records.dump(record, FORMAT), names.lease(key)
        if before is None:
            version = self._backend.put_new(name, data, durable=False)
        else:
            version = self._backend.replace(name, data, before.version, durable=False)
        return StoredLease(record, version, live=True) if version else None

    def write(self, record: LeaseRecord, version: str) -> str | None:
        """Change our own lease; the new version, or None where it isn't ours any more."""
        name, data = names.lease(record.key), records.dump(record, FORMAT)
        written = self._backend.replace(name, data, version, durable=False)
        if written:
            return written
        # A write whose answer was lost leaves our own attempt under a version we don't know.
        found = self.read(record.key)
        if found and found.record and found.record.held and found.record.attempt == record.attempt:
            return self._backend.replace(name, data, found.version, durable=False)
        return None

    def _is_live(self, record: LeaseRecord, written: float) -> bool:
        if not record.held:
            return False
        if record.owner.shares_machine(this_process()):
            # The monotonic clock stands still while a laptop sleeps, as its owners do.
            silent = time.monotonic() - record.renewed_clock
            return silent < record.ttl and not record.owner.is_dead()
        return self._backend.now() - written < record.ttl

    def _next_token(self, key: str, before: StoredLease | None) -> int:
        if before and before.record:
            return before.record.token + 1
        return max((_token_of(name) for name in self._traces(key)), default=0) + 1

    def _traces(self, key: str) -> list[str]:
        """Everything that carries a token, for a key whose lease was lost or damaged."""
        prefixes = names.attempts(key), names.failure(key), names.past(key)
        return [name for prefix in prefixes for name in self._backend.children(prefix)]


def _new_record(key: str, kind: str, ttl: float, token: int) -> LeaseRecord:
    now = time.monotonic()
    return LeaseRecord(
        key=key,
        kind=kind,
        token=token,
        attempt=f"{token:06d}-{uuid.uuid4().hex[:8]}",
        owner=this_process(),
        held=True,
        ttl=ttl,
        acquired=records.utc_now(),
        acquired_clock=now,
        renewed_clock=now,
    )


def _token_of(name: str) -> int:
    attempt = name.rpartition("/")[2].removesuffix(".json").rpartition(".")[2]
    token = attempt.partition("-")[0]
    return int(token) if token.isdecimal() else 0
