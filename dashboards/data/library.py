"""All sweeps of a store, each read as far as it was asked for."""

import threading
from collections.abc import Sequence

from dashboards.data.reader import SweepData, SweepReader
from dashboards.data.stored import Stored
from w2s_platform.store import Store, open_store


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
        self._lock = threading.Lock()

    @property
    def stored(self) -> Stored:
        """The store, opened when it is first looked at: a broken one is a page, not a crash.

        Raises:
            InputError: It can't be read, or a newer version wrote it.
        """
        if self._opened is None:
            self._opened = Stored(open_store(self._url, read_only=True))
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
        with self._lock:
            return self.store.sweeps()

    def newest(self, names: Sequence[str]) -> str:
        """The sweep that was recorded last."""
        with self._lock:
            return max(names, key=lambda name: self._recorded(name))

    def look(self, sweeps: Sequence[str]) -> list[SweepData]:
        """These sweeps as they stand.

        Raises:
            InputError, StoreError: As `SweepReader.refresh`.
        """
        with self._lock:
            return [self._look(sweep) for sweep in sweeps]

    def _look(self, sweep: str) -> SweepData:
        known, budget = sweep in self._readers, self._budget
        return self._reader(sweep).refresh(budget if budget is None or not known else 3 * budget)

    def _recorded(self, name: str) -> str:
        versions = self.store.sweep_versions(name)
        return versions[-1].recorded if versions else ""

    def _reader(self, sweep: str) -> SweepReader:
        if sweep not in self._readers:
            self._readers[sweep] = SweepReader(self.store, sweep)
        return self._readers[sweep]
