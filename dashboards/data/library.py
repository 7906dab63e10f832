"""All sweeps of a store, each read as far as it was asked for."""

import math
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from dashboards.data.reader import SweepData, SweepReader
from dashboards.data.stored import Stored
from w2s_platform.store import Store, open_store

_PATIENCE, _QUIET = 5.0, 0.3
"""Seconds for which reading ahead waits for visitors at most; and after each of their requests, as
a browser asks for a dozen files before it shows anything."""


class Library:
    """Gives sweeps of one store to many readers; safe to use from many threads.

    Args:
        store: The store's URL; None as for every command.
        budget: Seconds that a first look at a sweep may take; what is left is read by the next
            ones, which may take three times as long.
    """

    def __init__(self, store: str | None, *, budget: float | None = None) -> None:
        self._url, self._budget = store, budget
        self._readers: dict[str, SweepReader] = {}
        self._opened: Stored | None = None
        self._opening = threading.Lock()
        self._ahead: dict[str, SweepData] = {}
        self._lock = threading.Lock()
        self._requests, self._done = 0, threading.Condition()
        self._last = -math.inf

    @property
    def stored(self) -> Stored:
        """The store, opened when it is first looked at: a broken one is a page, not a crash.

        Raises:
            InputError: It can't be read, or a newer version wrote it.
        """
        with self._opening:
            if self._opened is None:
                self._opened = Stored(open_store(self._url, read_only=True), self._budget)
            return self._opened

    @property
    def store(self) -> Store:
        """See `stored`."""
        return self.stored.store

    def names(self) -> list[str]:
        """The sweeps of the store, sorted.

        Raises:
            InputError, StoreError: As `SweepReader.refresh`.
        """
        return self.store.sweeps()

    def newest(self, names: Sequence[str]) -> str:
        """The sweep that was recorded last."""
        return max(names, key=lambda name: self._recorded(name))

    def look(self, sweeps: Sequence[str]) -> list[SweepData]:
        """These sweeps as they stand.

        Raises:
            InputError, StoreError: As `SweepReader.refresh`.
        """
        return [self._ahead.get(sweep) or self._look(sweep) for sweep in sweeps]

    def whole(self, sweeps: Sequence[str]) -> list[SweepData]:
        """These sweeps with all that has finished, however long reading it takes.

        Raises:
            InputError, StoreError: As `SweepReader.refresh`.
        """
        with self._lock:
            return [self._reader(sweep).refresh() for sweep in sweeps]

    @contextmanager
    def at_work(self) -> Generator[None]:
        """While a request is answered nothing is read ahead: both at once would take far longer."""
        with self._done:
            self._requests += 1
        try:
            yield
        finally:
            with self._done:
                self._requests -= 1
                self._last = time.monotonic()
                self._done.notify_all()

    def read_ahead(self, sweep: str, part: float) -> Iterator[SweepData]:
        """Read a sweep to its end; whoever looks at it meanwhile sees what was read so far.

        Args:
            sweep: Its name.
            part: Seconds of reading after which what was read can be seen.

        Yields:
            The sweep after each part.

        Raises:
            InputError, StoreError: As `SweepReader.refresh`.
        """
        try:
            unread = 1
            while unread:
                with self._lock:
                    data = self._ahead[sweep] = self._reader(sweep).refresh(part)
                yield data
                unread = data.unread
                self._wait_for_quiet()
        finally:
            self._ahead.pop(sweep, None)

    def _wait_for_quiet(self) -> None:
        until = time.monotonic() + _PATIENCE
        while (now := time.monotonic()) < until:
            with self._done:
                self._done.wait_for(lambda: not self._requests, until - now)
            rest = self._last + _QUIET - time.monotonic()
            if rest <= 0:
                return
            time.sleep(rest)

    def _look(self, sweep: str) -> SweepData:
        with self._lock:
            if sweep in self._ahead:  # its first part was read while this look waited
                return self._ahead[sweep]
            known, budget = sweep in self._readers, self._budget
            allowed = budget if budget is None or not known else 3 * budget
            return self._reader(sweep).refresh(allowed)

    def _recorded(self, name: str) -> str:
        versions = self.store.sweep_versions(name)
        return versions[-1].recorded if versions else ""

    def _reader(self, sweep: str) -> SweepReader:
        if sweep not in self._readers:
            self._readers[sweep] = SweepReader(self.store, sweep)
        return self._readers[sweep]
