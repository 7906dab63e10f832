"""Readers of a store that take a while, each asked once per state of a sweep."""

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from dashboards.data.reader import SweepData
from w2s_platform.results.answers import Outcomes
from w2s_platform.results.bins import Bins
from w2s_platform.results.kept import Kept
from w2s_platform.store import Store

Found = TypeVar("Found")
OUTCOMES = ("question", "difficulty", "given", "right", "token_correct")
"""What is read of every question, see `results.questions`."""
EVALUATIONS, _KEPT = 2000, 64
"""Evaluations with their questions that are kept, some 50 kB each; and answers of readers."""


class Stored:
    """Remembers what readers found; safe to use from many threads.

    What an artifact holds is remembered by its key, and read once, whatever is new in the sweep.

    Args:
        store: Where the sweeps ran.
        budget: Seconds that one look may take for what is read of single artifacts; None: any.
    """

    def __init__(self, store: Store, budget: float | None = None) -> None:
        self.store = store
        self._budget = budget
        self._kept: Kept[Any] = Kept(_KEPT)
        self.bins = Bins(store)
        """Reliability bins by evaluation."""
        self.outcomes = Outcomes(store, OUTCOMES, EVALUATIONS)
        """`OUTCOMES` by evaluation."""

    def ask(self, reader: Callable[..., Found], data: SweepData, **arguments: Any) -> Found:
        """What `reader(store, ledger, **arguments)` returns for this state of the sweep.

        Arguments are compared by value: they have to be hashable. Of one `cell`, only the state of
        its own stages counts.
        """
        state = data.state_of(arguments["cell"]) if "cell" in arguments else data.version
        about = (reader.__module__, reader.__name__, tuple(sorted(arguments.items())), state)
        return self.remember(about, data, lambda: reader(self.store, data.ledger, **arguments))

    def remember(self, what: Hashable, data: SweepData, make: Callable[[], Found]) -> Found:
        """What `make` returned when it was called first, for `what` of this sweep's ledger."""
        found = self._kept.get((data.sweep, data.key, what), lambda: (make(),))
        assert found is not None
        return found[0]

    def deadline(self) -> float:
        """When a look that begins now should stop reading, by `time.monotonic`."""
        return float("inf") if self._budget is None else time.monotonic() + self._budget
