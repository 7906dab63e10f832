"""The store: artifacts by key, who works on them, and what failed."""

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ensemble_core.errors import InputError
from w2s_platform.store import names
from w2s_platform.store.artifact import Artifact, find_damage
from w2s_platform.store.attempts import Attempt, AttemptBook, abandoned_attempt
from w2s_platform.store.backend import Backend, Blob
from w2s_platform.store.errors import StoreError, explained
from w2s_platform.store.garbage import (
    collect_garbage,
    collect_temporary,
    drop_other_attempts,
)
from w2s_platform.store.lease import Lease
from w2s_platform.store.leases import LeaseBook, StoredLease
from w2s_platform.store.ledger import SweepBook, SweepVersion
from w2s_platform.store.local import LocalBackend
from w2s_platform.store.manifest import Manifest, parse_manifest
from w2s_platform.store.marker import check_marker, write_marker
from w2s_platform.store.quarantine import QuarantineBook, Quarantined
from w2s_platform.store.records import DamagedRecordError
from w2s_platform.store.status import Status, read_statuses
from w2s_platform.store.url import resolve_root
from w2s_platform.store.verified import VERIFIED

LEASE_TTL = 30.0
"""Seconds without a sign of life after which an owner on another machine is given up."""

_log = logging.getLogger(__name__)


class Store:
    """Reads and writes a store. Safe to use from many threads, processes and machines.

    Every method raises `InputError` where the store can't be read or written by this user or was
    written by a newer version, and `StoreError` where its device fails.
    """

    def __init__(
        self, backend: Backend, *, lease_ttl: float = LEASE_TTL, read_only: bool = False
    ) -> None:
        self.backend = backend
        self.lease_ttl = lease_ttl
        self.read_only = read_only
        self._prepared = False
        with explained(self.url):
            check_marker(backend)

    @property
    def url(self) -> str:
        """Opens the same store from another process, whatever its working directory."""
        return self.backend.url

    @property
    def logs_dir(self) -> Path:
        """The folder for logs; it is made with the first one."""
        return self.backend.local_path("logs")

    def prepare(self) -> None:
        """Make the store, if it isn't there, and see that it can be written."""
        if self.read_only:
            raise InputError("this store was opened for reading only", where=self.url)
        with explained(self.url):
            write_marker(self.backend)
            collect_temporary(self.backend)
        self._prepared = True

    # --- artifacts

    def find(self, key: str) -> Artifact | None:
        """The key's artifact, its files verified (once per process, unless they change).

        What can't be trusted counts as absent: it is logged and set aside, to be made again.
        """
        with explained(self.url):
            blob = self.backend.get(names.manifest(key))
            return self._trust(key, blob) if blob else None

    def require(self, key: str) -> Artifact:
        """Like `find`, for an artifact that has to be there.

        Raises:
            StoreError: It is not there (any more).
        """
        artifact = self.find(key)
        if artifact is None:
            raise StoreError(
                f"the store does not hold {key[:12]} any more",
                where=self.url,
                hint="run the sweep again: what is missing is made again",
            )
        return artifact

    def manifest(self, key: str) -> Manifest | None:
        """The key's manifest without a look at the files; None if absent or damaged."""
        with explained(self.url):
            blob = self.backend.get(names.manifest(key))
        try:
            return parse_manifest(blob.data, key, self._where(key)) if blob else None
        except DamagedRecordError:
            return None

    def keys(self) -> Iterator[str]:
        """Keys of all artifacts, in order of their first two digits."""
        for shard in names.SHARDS:
            with explained(self.url):
                found = self.backend.children(names.manifests(shard))
            yield from map(names.key_of, found)

    def keys_starting_with(self, prefix: str) -> list[str]:
        """Keys of the artifacts that begin with these hex digits, sorted."""
        shards = [shard for shard in names.SHARDS if shard.startswith(prefix[:2])]
        with explained(self.url):
            found = [
                name for shard in shards for name in self.backend.children(names.manifests(shard))
            ]
        return sorted(key for key in map(names.key_of, found) if key.startswith(prefix))

    def quarantined(self, key: str) -> list[Quarantined]:
        """The key's artifacts that were set aside, and why."""
        with explained(self.url):
            return QuarantineBook(self.backend).read(key)

    # --- work

    def acquire(self, key: str, kind: str) -> Lease | None:
        """The right to make the key's artifact, with a new directory to write it to.

        The lease of a dead process of this machine is taken over at once, any other when it has
        run out; what the dead one wrote is deleted and its attempt recorded.

        Returns:
            None where a live owner holds it, or where the artifact exists by now (see `find`).
        """
        self._allow_writing()
        with explained(self.url):
            book = LeaseBook(self.backend)
            before = book.read(key)
            if (before and before.live) or self.find(key):
                return None
            taken = book.take(key, kind, self.lease_ttl, before)
            return self._start(taken, before) if taken else None

    # --- where things stand

    def status(self, key: str) -> Status:
        """Where one stage stands."""
        return self.statuses([key])[key]

    def statuses(self, keys: Iterable[str]) -> dict[str, Status]:
        """Where stages stand, in the order given: of several, the first of done, running, failed.

        Listings only: a manifest is verified when the artifact is read, not here.
        """
        with explained(self.url):
            return read_statuses(self.backend, keys)

    def owner(self, key: str) -> StoredLease | None:
        """The key's lease as it stands, for people who ask who is at it."""
        with explained(self.url):
            return LeaseBook(self.backend).read(key)

    def failures(self, key: str) -> list[Attempt]:
        """The key's failed attempts that count, the oldest first."""
        with explained(self.url):
            return AttemptBook(self.backend).failures(key)

    def past_attempts(self, key: str) -> list[Attempt]:
        """Abandoned attempts, and failures that were cleared: they cost, but don't count."""
        with explained(self.url):
            return AttemptBook(self.backend).past(key)

    def clear_failures(self, key: str) -> int:
        """Let the key's failures count no longer; how many there were."""
        self._allow_writing()
        with explained(self.url):
            return AttemptBook(self.backend).clear(key)

    # --- sweeps

    def record_sweep(self, name: str, ledger: Mapping[str, Any]) -> str:
        """Make this the sweep's newest ledger (JSON values only); its content key."""
        self._allow_writing()
        with explained(self.url):
            return SweepBook(self.backend).record(name, ledger)

    def sweeps(self) -> list[str]:
        """Names of all recorded sweeps, sorted."""
        with explained(self.url):
            return SweepBook(self.backend).names()

    def load_sweep(self, name: str, key: str | None = None) -> dict[str, Any] | None:
        """The sweep's newest ledger, or the one with this content key; None if there is none."""
        with explained(self.url):
            return SweepBook(self.backend).load(name, key)

    def sweep_versions(self, name: str) -> list[SweepVersion]:
        """Content keys and times of all the sweep's ledgers, the oldest first."""
        with explained(self.url):
            return SweepBook(self.backend).versions(name)

    # --- upkeep

    def collect_garbage(self) -> int:
        """Delete what killed processes left behind; how many attempts and temporary files."""
        self._allow_writing()
        with explained(self.url):
            return collect_garbage(self.backend)

    def _allow_writing(self) -> None:
        if not self._prepared:
            self.prepare()

    def _trust(self, key: str, blob: Blob) -> Artifact | None:
        try:
            artifact = Artifact(parse_manifest(blob.data, key, self._where(key)), self.backend)
        except DamagedRecordError as damage:
            return self._distrust(key, blob, f"its manifest can't be trusted: {damage}")
        if VERIFIED.holds(artifact, blob.version):
            return artifact
        damage = find_damage(artifact.manifest.files, artifact.path)
        if damage:
            return self._distrust(key, blob, damage)
        VERIFIED.note(artifact, blob.version)
        return artifact

    def _distrust(self, key: str, blob: Blob, reason: str) -> None:
        outcome = "it counts as absent"
        if not self.read_only:
            with contextlib.suppress(OSError):  # somebody else's store: reading is all we may do
                QuarantineBook(self.backend).set_aside(key, blob, reason)
                outcome = "it was set aside and will be made again"
        _log.warning("artifact %s in %s is damaged: %s; %s", key[:12], self.url, reason, outcome)

    def _start(self, taken: StoredLease, before: StoredLease | None) -> Lease | None:
        assert taken.record is not None
        key, attempt = taken.record.key, taken.record.attempt
        try:
            workdir = self.backend.workspace(names.attempt(key, attempt))
        except BaseException:
            with contextlib.suppress(OSError):
                LeaseBook(self.backend).write(taken.record.released(), taken.version)
            raise
        lease = Lease(self.backend, taken, workdir)
        try:
            if self.find(key):  # published between our look and our taking the lease
                lease.release()
                return None
            if before:
                self._bury(before, lease)
        except BaseException:
            lease.release()
            raise
        return lease

    def _bury(self, before: StoredLease, lease: Lease) -> None:
        """Record the attempt that the lease was taken from, and delete what it left."""
        drop_other_attempts(self.backend, lease.key, keep=lease.attempt)
        if before.record and before.record.held:
            _log.info("%s %s: taken over from a dead owner", lease.kind, lease.key[:12])
            AttemptBook(self.backend).add_past(abandoned_attempt(before.record))

    def _where(self, key: str) -> str:
        return str(self.backend.local_path(names.manifest(key)))


def open_store(
    url: str | None = None, *, lease_ttl: float = LEASE_TTL, read_only: bool = False
) -> Store:
    """The store at a URL, else at `W2S_STORE`, else at `./.w2s`. Nothing is written yet.

    Args:
        url: A path or a `file:` URL.
        lease_ttl: Seconds without a renewal after which the leases taken here can be taken over.
        read_only: Refuse to write, even to set damaged artifacts aside.

    Raises:
        InputError: The URL is no directory's, or a newer version of the project wrote the store.
    """
    return Store(LocalBackend(resolve_root(url)), lease_ttl=lease_ttl, read_only=read_only)
