"""Show a run while it goes on: a live display in a terminal, plain lines elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from w2s_platform.running.render import event_line, overview, remaining, running_lines
from w2s_platform.running.snapshot import Event, Snapshot

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

POLL = 0.5
"""Seconds between snapshots, at least."""
PATIENCE = 10.0
"""Seconds that a snapshot may take."""
_TOLD = ("done", "failed", "retrying", "elsewhere")


class Display(Protocol):
    """Shows snapshots of a run; each holds the events since the one before."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the newest snapshot."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


class QuietDisplay:
    """Shows nothing."""

    def show(self, snapshot: Snapshot) -> None:
        """See `Display.show`."""

    def close(self) -> None:
        """See `Display.close`."""


class PlainDisplay:
    """Lines for a log: what finished or failed, and now and then where the run stands.

    Failures always get their line. Of what else happens between two lines only the newest is told,
    with how many more there were.
    """

    def __init__(
        self,
        write: Callable[[str], Any],
        *,
        pause: float = 1.0,
        summary_every: float = 30.0,
        expected: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write, self._pause, self._every = write, pause, summary_every
        self._expected, self._clock = expected, clock
        self._waiting: list[Event] = []
        self._told = self._summed = float("-inf")

    def show(self, snapshot: Snapshot) -> None:
        """See `Display.show`."""
        for event in snapshot.events:
            if event.change == "failed":
                self._write(event_line(event))
            elif event.change in _TOLD:
                self._waiting.append(event)
        now = self._clock()
        if self._waiting and now - self._told >= self._pause:
            self._tell(snapshot, now)
        elif now - max(self._told, self._summed) >= self._every:
            self._sum_up(snapshot, now)

    def close(self) -> None:
        """See `Display.close`."""
        if self._waiting:
            self._write(self._newest())

    def _tell(self, snapshot: Snapshot, now: float) -> None:
        stages = snapshot.stage_counts
        standing = f"{stages['done'] + stages['cached']} of {stages.total()} stages"
        self._write(f"{self._newest()} ({standing}{remaining(snapshot, self._expected)})")
        self._told = now

    def _newest(self) -> str:
        line = event_line(self._waiting[-1])
        more = len(self._waiting) - 1
        self._waiting.clear()
        return f"{line}, and {more} more" if more else line

    def _sum_up(self, snapshot: Snapshot, now: float) -> None:
        self._summed = now
        running = running_lines(snapshot)
        self._write("; ".join([*overview(snapshot, self._expected), *running[:2]]))


class LiveDisplay:
    """A few lines at the bottom of the terminal that change in place."""

    def __init__(self, console: "Console", expected: Mapping[str, float] | None = None) -> None:
        from rich.live import Live

        self._expected = expected
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True)
        self._live.start()

    def show(self, snapshot: Snapshot) -> None:
        """See `Display.show`."""
        from rich.markup import escape

        for event in snapshot.events:
            if event.change in ("failed", "retrying"):
                self._console.print(escape(event_line(event)), style="red", highlight=False)
        self._live.update(live_view(snapshot, self._expected))

    def close(self) -> None:
        """See `Display.close`."""
        self._live.stop()


def live_view(snapshot: Snapshot, expected: Mapping[str, float] | None = None) -> "RenderableType":
    """What a terminal shows of a snapshot."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    stages = snapshot.stage_counts
    finished = stages["done"] + stages["cached"]
    return Group(
        ProgressBar(total=max(1, stages.total()), completed=finished, width=60),
        *(Text(line) for line in overview(snapshot, expected)),
        *(Text(f"  {line}", style="dim") for line in running_lines(snapshot)),
    )


def choose_display(
    stream: TextIO = sys.stderr, expected: Mapping[str, float] | None = None
) -> Display:
    """The display that suits a stream.

    Args:
        stream: Where progress goes.
        expected: Kind → seconds, for the estimate before a kind has been seen.
    """
    if stream.isatty():
        from rich.console import Console

        return LiveDisplay(Console(file=stream), expected)
    return PlainDisplay(lambda line: print(line, file=stream, flush=True), expected=expected)


@contextmanager
def watch(broker: Any, display: Display) -> Generator[None]:
    """Show the broker's snapshots from a thread while the block runs, and the last one after."""
    watcher = _Watcher(broker, display)
    thread = threading.Thread(target=watcher.run, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        watcher.stop.set()
        thread.join(timeout=2 * PATIENCE)  # one that is under way, and the last
        display.close()


class _Watcher:
    def __init__(self, broker: Any, display: Display) -> None:
        self._broker, self._display = broker, display
        self._seen = 0
        self.stop = threading.Event()

    def run(self) -> None:
        from ray.exceptions import ActorDiedError, RayError

        pause = POLL
        while True:
            last = self.stop.wait(pause)
            began = time.monotonic()
            try:
                self._show()
                # A snapshot of ten thousand stages takes its time: spend a tenth of ours on them.
                pause = max(POLL, 10 * (time.monotonic() - began))
            except ActorDiedError:  # the run is being torn down
                return
            except RayError:  # it took too long, or went wrong: the next one tells the same
                pause = POLL
            if last:
                return

    def _show(self) -> None:
        import ray

        snapshot: Snapshot = ray.get(self._broker.snapshot.remote(self._seen), timeout=PATIENCE)
        if snapshot.events:
            self._seen = snapshot.events[-1].number
        self._display.show(snapshot)
