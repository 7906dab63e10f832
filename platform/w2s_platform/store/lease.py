"""The right to make one artifact: renewed while the work goes on, spent by one commit."""

import logging
import threading
import time
import weakref
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ensemble_core.errors import W2SError
from w2s_platform.store import names, records
from w2s_platform.store.artifact import Artifact, take_inventory
from w2s_platform.store.attempts import Attempt, AttemptBook, failed_attempt
from w2s_platform.store.backend import Backend, Guard
from w2s_platform.store.errors import LeaseLostError, explain_full, explained
from w2s_platform.store.leases import LeaseBook, LeaseRecord, StoredLease
from w2s_platform.store.manifest import Cost, Manifest, Provenance, dump_manifest, parse_manifest
from w2s_platform.store.provenance import collect, git_state
from w2s_platform.store.records import DamagedRecordError
from w2s_platform.store.verified import VERIFIED

_log = logging.getLogger(__name__)


class Lease:
    """One owner's attempt at a key.

    Used as a context manager, a thread renews it every third of its time to live. End it with
    `publish` or `fail`; leaving the block without either gives it back and drops the work.
    """

    def __init__(self, backend: Backend, stored: StoredLease, workdir: Path) -> None:
        assert stored.record is not None
        self._backend = backend
        self._record, self._version = stored.record, stored.version
        self._write = threading.Lock()
        self._stop = threading.Event()
        self._ended = self._committing = False
        self._heartbeat: threading.Thread | None = None
        self.workdir = workdir
        """Where to write the artifact's files; folders are allowed."""
        self.lost = threading.Event()
        """Set when another owner has taken the key over: stop working."""

    @property
    def key(self) -> str:
        """The stage's key."""
        return self._record.key

    @property
    def kind(self) -> str:
        """The stage's kind."""
        return self._record.kind

    @property
    def token(self) -> int:
        """The fencing token: larger than that of every earlier owner of this key."""
        return self._record.token

    @property
    def attempt(self) -> str:
        """The attempt's name: the token and a random part."""
        return self._record.attempt

    @property
    def seconds(self) -> float:
        """Seconds since the lease was acquired."""
        return time.monotonic() - self._record.acquired_clock

    @property
    def log_path(self) -> Path:
        """Where this attempt's log belongs; its folder exists."""
        path = self._backend.local_path("logs") / names.log(self.key, self.attempt)
        with explained(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def check(self) -> None:
        """Do nothing while the lease is ours.

        Raises:
            LeaseLostError: Another owner has taken the key over.
        """
        if self.lost.is_set():
            raise self._loss()

    def renew(self) -> bool:
        """Prolong the lease; False (and `lost` is set) where it isn't ours any more."""
        with self._write:
            if self._ended or self.lost.is_set():
                return not self.lost.is_set()
            return self._put(self._record.renewed())

    def keep_alive(self) -> bool:
        """Like `renew`, but goes on where the store can't be reached: then nobody else can.

        Returns:
            Whether there is any point in trying again.
        """
        self._ask_whether_lost()
        return not self.lost.is_set()

    def publish(
        self,
        cost: Cost | None = None,
        provenance: Provenance | None = None,
        preimage: Mapping[str, Any] | None = None,
    ) -> Artifact:
        """Commit what lies in `workdir` as the key's artifact, and end the lease.

        The files are checksummed and flushed to the device; then the manifest is created, which
        is the one step that makes the artifact exist.

        Args:
            cost: What the attempt used; default: its wall seconds.
            provenance: Where it comes from; default: collected here, in this directory's project.
            preimage: What the key is the hash of.

        Raises:
            LeaseLostError: Another owner has taken the key over; nothing was published.
            StoreError: The device is full or failed; nothing was published, the lease is kept.
        """
        self._check_open()
        with self._unless_lost(), explained(self._backend.url):
            self.check()
            files = take_inventory(self.workdir)
            self._backend.seal(names.attempt(self.key, self.attempt), files)
            manifest = Manifest(
                key=self.key,
                kind=self.kind,
                preimage=dict(preimage or {}),
                files=files,
                attempt=self.attempt,
                token=self.token,
                provenance=provenance or collect(git=git_state()),
                cost=cost or Cost(wall_seconds=self.seconds),
                created=records.utc_now(),
            )
            version = self._commit(manifest)
        artifact = Artifact(manifest, self._backend)
        VERIFIED.note(artifact, version)
        self._end()
        return artifact

    def fail(
        self, error: BaseException | str, *, deterministic: bool, cost: Cost | None = None
    ) -> Attempt:
        """Record why the attempt failed, drop its files and end the lease.

        Never raises an error of the store, so that the first error stays the one that is seen.

        Args:
            error: What went wrong.
            deterministic: Whether it would fail again; else the infrastructure failed.
            cost: What the attempt used; default: its wall seconds.
        """
        self._check_open()
        attempt = failed_attempt(
            self._record, error, deterministic=deterministic, wall_seconds=self.seconds, cost=cost
        )
        self._ask_whether_lost()
        self._drop_work()  # first: on a full disk it makes room for the record
        if not self.lost.is_set():
            with self._logged("the failure could not be recorded"):
                AttemptBook(self._backend).add_failure(attempt)
        self._end()
        return attempt

    def release(self) -> None:
        """Give the lease back without a result and without a failure: the work was cancelled."""
        if not self._ended:
            self._drop_work()
            self._end()

    def __enter__(self) -> Self:
        beat = (weakref.ref(self), self._stop, self._record.ttl / 3)
        self._heartbeat = threading.Thread(
            target=_beat, args=beat, name=f"lease-{self.key[:12]}", daemon=True
        )
        self._heartbeat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception):
            self._ask_whether_lost()
        was_lost = self.lost.is_set() and not self._ended
        self.release()
        if not isinstance(error, Exception) or isinstance(error, LeaseLostError):
            return
        if was_lost:  # what failed is likely a consequence, such as files that were cleared away
            raise self._loss() from error
        full = explain_full(error, str(self.workdir))
        if full:
            raise full from error

    def _commit(self, manifest: Manifest) -> str:
        name, data = names.manifest(self.key), dump_manifest(manifest)
        with self._write:
            self.check()
            self._committing = True
            guard = Guard(names.lease(self.key), self._version)
            version = self._backend.put_new(name, data, guard)
        if version is None and not self._is_published():
            self.lost.set()
            self.check()
        return version or ""

    def _is_published(self) -> bool:
        """Whether the key's manifest is our own."""
        blob = self._backend.get(names.manifest(self.key))
        if blob is None:
            return False
        with suppress(DamagedRecordError):
            return parse_manifest(blob.data, self.key, self.key).attempt == self.attempt
        return False

    def _drop_work(self) -> None:
        with self._logged("its files could not be removed"):
            # Interrupted between the commit and its return, the files belong to the artifact.
            if not (self._committing and self._is_published()):
                self._backend.delete_tree(names.attempt(self.key, self.attempt))

    def _end(self) -> None:
        self._stop.set()
        with self._write:
            self._ended = True
            if not self.lost.is_set():
                with self._logged("the lease could not be given back; it runs out by itself"):
                    self._put(self._record.released())

    def _put(self, record: LeaseRecord) -> bool:
        version = LeaseBook(self._backend).write(record, self._version)
        if version is None:
            self.lost.set()
            return False
        self._record, self._version = record, version
        return True

    def _ask_whether_lost(self) -> None:
        with self._logged("the lease could not be renewed"):
            self.renew()

    def _loss(self) -> LeaseLostError:
        return LeaseLostError(
            f"another process has taken over {self.kind} {self.key[:12]}; "
            "this one's work is dropped",
            hint="this one was silent for too long, or its process was taken for dead",
        )

    def _check_open(self) -> None:
        if self._ended:
            raise RuntimeError(f"the lease of {self.key[:12]} has ended already")

    @contextmanager
    def _unless_lost(self) -> Generator[None]:
        """Raise errors as `LeaseLostError` where that is why they came: its files may be gone."""
        try:
            yield
        except Exception as error:
            self._ask_whether_lost()
            if self.lost.is_set() and not isinstance(error, LeaseLostError):
                raise self._loss() from error
            raise

    @contextmanager
    def _logged(self, what: str) -> Generator[None]:
        """Log an error of the store instead of raising it."""
        try:
            yield
        except (OSError, W2SError) as error:
            _log.warning("%s %s: %s: %s", self.kind, self.key[:12], what, error)


def _beat(lease: "weakref.ref[Lease]", stop: threading.Event, every: float) -> None:
    """Renew until told to stop. A lease that nobody holds any more is left to run out."""
    while not stop.wait(every):
        living = lease()
        if living is None or not living.keep_alive():
            return
        del living
