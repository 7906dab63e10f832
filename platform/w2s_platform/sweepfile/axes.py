"""`vary:` as rows of picks: which value each key takes, and where that value is written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

from ensemble_core.documents import Document, Loc, Problem
from w2s_platform.stage import Json
from w2s_platform.sweepfile.keys import find_key, unknown_key
from w2s_platform.sweepfile.tree import CASE
from w2s_platform.sweepfile.values import complaints_about

MOST_POINTS = 100_000


@dataclass(frozen=True)
class Pick:
    """A value for a varied key."""

    value: Json
    loc: Loc = ()
    """Where in the document it stands."""


Row = Mapping[str, Pick]
"""Dotted key → the value that it takes."""


@dataclass
class Axes:
    """The rows of every block; they multiply. Bad keys and values are left out, and noted."""

    blocks: list[list[Row]] = field(default_factory=list[list[Row]])
    problems: list[Problem] = field(default_factory=list[Problem])
    keys: dict[str, Loc] = field(default_factory=dict[str, Loc])
    """Every varied key, and where it first stands."""
    names: dict[str, Loc] = field(default_factory=dict[str, Loc])
    """Every case's name, and where it stands."""

    @property
    def size(self) -> int:
        """How many rows all blocks together make."""
        size = 1
        for block in self.blocks:
            size *= len(block)
        return size

    def rows(self) -> Iterator[Row]:
        """Every combination of the blocks' rows, the last block's changing fastest."""
        for rows in product(*self.blocks):
            yield {key: pick for row in rows for key, pick in row.items()}


def read_axes(document: Document) -> Axes:
    """Read the `vary:` of a document as far as it makes sense.

    What pydantic reports (a block that is no mapping, an empty list) is passed over here.
    """
    reader = _Reader(document)
    for loc, block in _items(document.data.get("vary"), ("vary",)):
        for kind, rows in (("grid", reader.grid), ("zip", reader.zip), ("cases", reader.cases)):
            if isinstance(block, dict) and block.get(kind):
                reader.axes.blocks.append(list(rows((*loc, kind), block[kind])) or [{}])
    if reader.axes.size > MOST_POINTS:
        message = f"makes more than {MOST_POINTS:,} points"
        reader.axes.problems.append(document.problem(("vary",), message))
        reader.axes.blocks = []
    return reader.axes


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.axes = Axes()

    def grid(self, loc: Loc, data: Any) -> Iterator[Row]:
        axes = self._columns(loc, data)
        for picks in islice(product(*axes.values()), MOST_POINTS + 1):
            yield dict(zip(axes, picks, strict=True))

    def zip(self, loc: Loc, data: Any) -> Iterator[Row]:
        self._check_lengths(loc, data)
        axes = self._columns(loc, data)
        for picks in zip(*axes.values(), strict=False):
            yield dict(zip(axes, picks, strict=True))

    def cases(self, loc: Loc, data: Any) -> Iterator[Row]:
        seen: dict[str, Loc] = {}
        for at, case in _items(data, loc):
            row: dict[str, Pick] = {}
            for dotted, value in case.items() if isinstance(case, dict) else ():
                if dotted == CASE:
                    row.update(self._name((*at, dotted), value, loc))
                elif self._known((*at, dotted), dotted, once=dotted not in seen):
                    seen.setdefault(dotted, (*at, dotted))
                    picks = self._picks(dotted, [((*at, dotted), value)])
                    row.update(zip([dotted], picks, strict=False))
            yield row

    def _name(self, at: Loc, value: Any, block: Loc) -> Row:
        """The name of a case: text, and each name once in the sweep."""
        first = self.axes.names.setdefault(value, at) if isinstance(value, str) and value else None
        if first is None:
            self._note(at, "a case's name is text")
        elif first != at:
            line = self.document.position(first)[0]
            self._note(at, f"there is a case `{value}` already", f"at line {line}")
        elif next(iter(self.axes.names.values()))[: len(block)] != block:
            self._note(at, "the cases of one block have names; name the settings of this one")
        else:
            return {CASE: Pick(value, at)}
        return {}

    def _columns(self, loc: Loc, data: Any) -> dict[str, list[Pick]]:
        columns: dict[str, list[Pick]] = {}
        for dotted, values in data.items() if isinstance(data, dict) else ():
            if self._known((*loc, dotted), dotted) and isinstance(values, list):
                picks = self._picks(dotted, _items(values, (*loc, dotted)))
                if picks:
                    columns[dotted] = picks
        return columns

    def _known(self, loc: Loc, dotted: str, *, once: bool = True) -> bool:
        if find_key(dotted) is None:
            self._note(loc, *unknown_key(dotted), key=True)
            return False
        if once and dotted in self.axes.keys:
            line = self.document.position(self.axes.keys[dotted], key=True)[0]
            self._note(loc, "varied twice", f"first at line {line}", key=True)
            return False
        self.axes.keys.setdefault(dotted, loc)
        return True

    def _picks(self, dotted: str, values: Iterable[tuple[Loc, Json]]) -> list[Pick]:
        """The values that fit; the others are noted."""
        picks: list[Pick] = []
        key = find_key(dotted)
        assert key is not None
        for loc, value in values:
            found = complaints_about(key, value)
            for item in found:
                self._note((*loc, *item.loc), item.message, item.hint, key=item.at_key)
            if not found:
                picks.append(Pick(value, loc))
        return picks

    def _check_lengths(self, loc: Loc, data: Any) -> None:
        lengths: dict[str, int] = {}
        for dotted, values in data.items() if isinstance(data, dict) else ():
            if isinstance(values, list):
                lengths[dotted] = len(values)
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{dotted} has {length}" for dotted, length in lengths.items())
            self._note(loc, "zipped lists must be of one length", shown)

    def _note(self, loc: Loc, message: str, hint: str = "", *, key: bool = False) -> None:
        self.axes.problems.append(self.document.problem(loc, message, hint, key=key))


def _items(data: Any, loc: Loc) -> Sequence[tuple[Loc, Any]]:
    """The items of a list with their locations; nothing where it is none."""
    return (
        [((*loc, index), item) for index, item in enumerate(data)] if isinstance(data, list) else []
    )
