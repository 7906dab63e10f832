"""Let the first trials end only when all trial processes have started."""

import asyncio


class Gate:
    """Opens when as many trials have arrived as run at once, or when patience ends.

    Tune gives the process of an ended trial to the next trial, and throws away a process that is
    still starting for it. With trials shorter than the start of a process it would start and throw
    away one per trial: 12 trials that do nothing took 14 s instead of 4 s on two cores.
    """

    def __init__(self, expected: int, patience: float = 20.0) -> None:
        self._expected = expected
        self._patience = patience
        self._arrived: set[str] = set()
        self._open = asyncio.Event()

    def arrive(self, trial: str) -> None:
        """Count a trial as started."""
        self._arrived.add(trial)
        if len(self._arrived) >= self._expected:
            self._open.set()

    async def wait(self) -> None:
        """Return when the gate is open; it never closes again."""
        try:
            await asyncio.wait_for(self._open.wait(), self._patience)
        except TimeoutError:
            self._open.set()
