"""Where a cell's setting is written: in a `vary` block, or in the file's own sections."""

from dataclasses import dataclass

from ensemble_core.documents import Document, Loc, Problem
from w2s_platform.sweepfile.axes import Row


@dataclass(frozen=True)
class Places:
    """Finds settings of one cell in its document."""

    document: Document
    row: Row

    def problem(self, loc: Loc, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """A problem with the setting at `loc`, at the place where its value is written."""
        return self.document.problem(self.written(loc), message, hint, key=key)

    def written(self, loc: Loc) -> Loc:
        """Where in the document the setting at `loc` gets its value."""
        varied = self._deepest_above(loc)
        if varied is None:
            return loc
        return (*self.row[varied].loc, *loc[varied.count(".") + 1 :])

    def is_written(self, loc: Loc) -> bool:
        """Whether the file has a value at `loc`, rather than a default."""
        return self.written(loc) in self.document.values

    def choose(self, loc: Loc, also: "tuple[str, ...]") -> Loc:
        """The first of these settings that the file writes."""
        others = [tuple(dotted.split(".")) for dotted in also]
        return next((place for place in (loc, *others) if self.is_written(place)), loc)

    def varies(self, *keys: "Loc | str") -> bool:
        """Whether one of these settings is varied."""
        locs = [tuple(key.split(".")) if isinstance(key, str) else key for key in keys]
        return any(self._deepest_above(loc) is not None for loc in locs)

    def below(self, loc: Loc, message: str) -> "tuple[str, ...]":
        """Varied keys that lie below `loc`, those first that a message names in backticks."""
        inside = [key for key in self.row if tuple(key.split("."))[: len(loc)] == loc]
        return tuple(sorted(inside, key=lambda key: f"`{key.split('.')[-1]}" not in message))

    def _deepest_above(self, loc: Loc) -> str | None:
        """The varied key at `loc`, or the nearest one above it."""
        for end in range(len(loc), 0, -1):
            dotted = ".".join(str(part) for part in loc[:end])
            if dotted in self.row:
                return dotted
        return None
