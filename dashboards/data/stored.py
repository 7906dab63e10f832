"""Readers of a store that take a while, each asked once per state of a sweep."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from dashboards.data.reader import SweepData
from w2s_platform.store import Store

Found = TypeVar("Found")
_KEPT = 64


class Stored:
    """Remembers what readers found; safe to use from many threads.

    Args:
        store: Where the sweeps ran.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._found: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, reader: Callable[..., Found], data: SweepData, **arguments: Any) -> Found:
        """What `reader(store, sweep, **arguments)` returns for this state of the sweep.

        Arguments are compared by value: they have to be hashable.
        """
        about = (reader.__module__, reader.__name__, tuple(sorted(arguments.items())))
        key = (data.sweep, data.key, data.version, *about)
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        found = reader(self.store, data.sweep, **arguments)
        with self._lock:
            self._found[key] = found
            while len(self._found) > _KEPT:
                self._found.popitem(last=False)
        return found
