"""A worker's line to the broker: progress goes there, the wish to stop comes back."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

LAST_PATIENCE = 5.0
"""Seconds that a process waits for the broker before it ends itself."""


class Reporter:
    """Reports a stage's progress, at most twice a second, without waiting for the answer."""

    def __init__(self, broker: Any, key: str, interval: float = 0.5) -> None:
        self._broker, self._key, self._interval = broker, key, interval
        self._report: Mapping[str, Any] = {}
        self._answer: Any = None
        self._asked = self._next_look = 0.0
        self._stop = False

    def started(self) -> None:
        """Say that the work begins."""
        self._broker.started.remote(self._key)

    def progress(self, report: Mapping[str, Any]) -> None:
        """Note the newest state of the work; it is sent when the time has come."""
        self._report = dict(report)
        self._exchange()

    def should_stop(self) -> bool:
        """Whether nobody needs the stage any more; also when the broker is gone."""
        self._exchange()
        return self._stop

    def last_words(self, error: str) -> None:
        """Say what ends this process, and wait until that was heard."""
        import ray

        with suppress(Exception):  # the process ends all the same
            ray.get(self._broker.last_words.remote(self._key, error), timeout=LAST_PATIENCE)

    def _exchange(self) -> None:
        now = time.monotonic()
        if self._stop or now < self._next_look:
            return
        self._next_look = now + self._interval / 5
        self._read_answer()
        if self._answer is None and now - self._asked >= self._interval:
            self._asked = now
            self._answer = self._broker.progress.remote(self._key, self._report)

    def _read_answer(self) -> None:
        """Take the answer to the last report if it has come."""
        import ray
        from ray.exceptions import RayActorError

        if self._answer is None or not ray.wait([self._answer], timeout=0)[0]:
            return
        try:
            self._stop = bool(ray.get(self._answer))
        except RayActorError:  # the driver died, and its broker with it
            self._stop = True
        self._answer = None
