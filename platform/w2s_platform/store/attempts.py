"""Attempts that did not end in an artifact: what went wrong, and what they cost."""

import traceback
from collections.abc import Iterable

from ensemble_core.errors import W2SError
from w2s_platform.store import names, records
from w2s_platform.store.backend import Backend
from w2s_platform.store.leases import LeaseRecord
from w2s_platform.store.manifest import Cost
from w2s_platform.store.records import DamagedRecordError, Record

FORMAT = 1


class Attempt(Record):
    """One attempt without an artifact."""

    key: str
    kind: str
    attempt: str
    token: int
    error: str
    """In plain words, what and where."""
    error_type: str = ""
    traceback: str = ""
    deterministic: bool
    """Whether it would fail again; otherwise the infrastructure failed."""
    abandoned: bool = False
    """Its owner died or fell silent; the next owner wrote this record."""
    wall_seconds: float
    cost: Cost = Cost()
    host: str
    started: str
    """ISO 8601, UTC."""
    ended: str


class AttemptBook:
    """Keeps the attempts of a store."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def add_failure(self, attempt: Attempt) -> None:
        """Keep a failure that counts until it is cleared."""
        self._backend.put_new(names.failure(attempt.key, attempt.attempt), _dump(attempt))

    def add_past(self, attempt: Attempt) -> None:
        """Keep an attempt that doesn't count as a failure, for its cost and for people."""
        self._backend.put_new(names.past(attempt.key, attempt.attempt), _dump(attempt))

    def failures(self, key: str) -> list[Attempt]:
        """Failures that count, the oldest first."""
        return self._read(self._backend.children(names.failure(key)))

    def past(self, key: str) -> list[Attempt]:
        """Abandoned attempts and cleared failures, the oldest first."""
        return self._read(self._backend.children(names.past(key)))

    def clear(self, key: str) -> int:
        """Turn the key's failures into past attempts; how many there were."""
        found = self._backend.children(names.failure(key))
        for attempt in self._read(found):
            self.add_past(attempt)
        for name in found:
            self._backend.delete(name)
        return len(found)

    def _read(self, found: Iterable[str]) -> list[Attempt]:
        attempts = [attempt for name in found if (attempt := self._parse(name))]
        return sorted(attempts, key=lambda attempt: attempt.token)

    def _parse(self, name: str) -> Attempt | None:
        blob = self._backend.get(name)
        if blob is None:  # cleared by somebody else meanwhile
            return None
        try:
            return records.parse(Attempt, blob.data, FORMAT, name)
        except DamagedRecordError as damage:
            return _unreadable(name, str(damage))


def failed_attempt(
    lease: LeaseRecord,
    error: BaseException | str,
    *,
    deterministic: bool,
    wall_seconds: float,
    cost: Cost | None,
) -> Attempt:
    """The record of an attempt that its owner gave up with an error."""
    return Attempt(
        key=lease.key,
        kind=lease.kind,
        attempt=lease.attempt,
        token=lease.token,
        error=_plain(_message(error)),
        error_type="" if isinstance(error, str) else type(error).__name__,
        traceback="" if isinstance(error, str) else _plain(_trace(error)),
        deterministic=deterministic,
        wall_seconds=wall_seconds,
        cost=cost or Cost(wall_seconds=wall_seconds),
        host=lease.owner.host,
        started=lease.acquired,
        ended=records.utc_now(),
    )


def abandoned_attempt(lease: LeaseRecord) -> Attempt:
    """The record of an attempt whose owner died or fell silent."""
    seconds = lease.renewed_clock - lease.acquired_clock
    return Attempt(
        key=lease.key,
        kind=lease.kind,
        attempt=lease.attempt,
        token=lease.token,
        error=f"its process ({lease.owner.pid} on {lease.owner.host}) stopped without a result",
        deterministic=False,
        abandoned=True,
        wall_seconds=seconds,
        cost=Cost(wall_seconds=seconds),
        host=lease.owner.host,
        started=lease.acquired,
        ended=records.utc_now(),
    )


def _message(error: BaseException | str) -> str:
    if isinstance(error, (str, W2SError)):
        return str(error)
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _plain(text: str) -> str:
    """The text without what UTF-8 can't hold, such as the raw bytes of an odd file name."""
    return text.encode("utf-8", "replace").decode()


def _dump(attempt: Attempt) -> bytes:
    return records.dump(attempt, FORMAT)


def _unreadable(name: str, why: str) -> Attempt:
    key, _, attempt = name.rpartition("/")[2].removesuffix(".json").partition(".")
    return Attempt(
        key=key,
        kind="",
        attempt=attempt,
        token=0,
        error=f"the record of this failure can't be read: {why}",
        deterministic=False,
        wall_seconds=0.0,
        host="",
        started="",
        ended="",
    )
