"""What the broker asks the store, behind four questions."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from w2s_platform.store import Status, Store


class Failure(NamedTuple):
    """The newest failure of a stage."""

    error: str
    deterministic: bool


class Records(Protocol):
    """What is known of stages from earlier runs and other drivers."""

    def statuses(self, keys: Iterable[str]) -> "Mapping[str, Status]":
        """Where stages stand, from listings."""
        ...

    def holds(self, key: str) -> bool:
        """Whether the artifact is there and can be trusted; reads its files."""
        ...

    def failure(self, key: str) -> Failure | None:
        """The newest failure that counts."""
        ...

    def forgive(self, key: str) -> None:
        """Let earlier failures count no longer."""
        ...


class StoreRecords:
    """The records of a store."""

    def __init__(self, url: str) -> None:
        self.url = url

    @cached_property
    def _store(self) -> "Store":
        from w2s_platform.store import open_store

        return open_store(self.url)

    def statuses(self, keys: Iterable[str]) -> "Mapping[str, Status]":
        """See `Records.statuses`."""
        return self._store.statuses(keys)

    def holds(self, key: str) -> bool:
        """See `Records.holds`."""
        return self._store.find(key) is not None

    def failure(self, key: str) -> Failure | None:
        """See `Records.failure`."""
        attempts = self._store.failures(key)
        return Failure(attempts[-1].error, attempts[-1].deterministic) if attempts else None

    def forgive(self, key: str) -> None:
        """See `Records.forgive`."""
        self._store.clear_failures(key)
