"""What a question is answered with: words, figures and tables, apart from where they are shown."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, overload

from dashboards.selection import Selection

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Link:
    """A cell of a table that leads on to another selection; only a live page can follow it."""

    text: str
    to: Selection

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Block:
    """One figure or table, with the rows that it is made of."""

    name: str
    """Unique among the blocks of a question; letters, digits and dashes."""
    title: str
    frame: "pd.DataFrame"
    """Exactly what is shown: downloads hold these rows and no other."""
    figure: "go.Figure | None" = None
    words: tuple[str, ...] = ()
    """Sentences above the figure: what it says."""
    notes: tuple[str, ...] = ()
    """Sentences below: how much is shown, what is left out and why."""
    text: "pd.DataFrame | None" = None
    """The rows as people read them, where that is not `frame` itself."""

    @property
    def shown(self) -> "pd.DataFrame":
        """The table as people read it."""
        return self.frame if self.text is None else self.text


class Blocks(Sequence[Block]):
    """Blocks in order, each made when it is first asked for; safe to use from many threads.

    One that could not be made fails whoever asks for it, and is tried again for who asks next.

    Args:
        making: Makes them, one after the other.
    """

    def __init__(self, making: Callable[[], Iterable[Block]] = tuple) -> None:
        self._making = making
        self._left, self._made = iter(making()), list[Block]()
        self._lock = threading.Lock()

    @overload
    def __getitem__(self, index: int) -> Block: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Block]: ...
    def __getitem__(self, index: int | slice) -> Block | Sequence[Block]:
        wanted = index + 1 if isinstance(index, int) and index >= 0 else None
        return self._first(wanted)[index]

    def __len__(self) -> int:
        return len(self._first(None))

    def _first(self, number: int | None) -> list[Block]:
        """The first so many, or all."""
        with self._lock:
            wanted = None if number is None else max(0, number - len(self._made))
            try:
                self._made += islice(self._left, wanted)
            except Exception:
                self._left = islice(self._making(), len(self._made), None)
                raise
            if wanted is None:
                self._making = tuple  # what they were made of is not held any longer
            return self._made


@dataclass(frozen=True, eq=False)
class Answer:
    """A question's page."""

    blocks: Blocks = field(default_factory=Blocks)
    lead: tuple[str, ...] = ()
    """What an analyst should read first."""
    controls: tuple[str, ...] = ()
    """Names of the choices that matter here, see `Selection`."""
    filters: bool = True
    """Whether rows can be filtered here."""
    unread: int = 0
    """Evaluations that are still to be read for it; the answer says so, and a next look goes on."""

    def block(self, name: str) -> Block | None:
        """The block of this name; None where there is none."""
        return next((block for block in self.blocks if block.name == name), None)
