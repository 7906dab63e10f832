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

    def varied(self, *locs: Loc) -> list[str]:
        """The varied keys that give these settings their values."""
        found = [self._deepest_above(loc) for loc in locs]
        return list(dict.fromkeys(key for key in found if key is not None))

    def below(self, loc: Loc, message: str) -> list[str]:
        """Varied keys that lie below `loc`: those that a message names in backticks, or all."""
        inside = [key for key in self.row if tuple(key.split("."))[: len(loc)] == loc]
        return [key for key in inside if f"`{key.split('.')[-1]}" in message] or inside

    def _deepest_above(self, loc: Loc) -> str | None:
        """The varied key at `loc`, or the nearest one above it."""
        for end in range(len(loc), 0, -1):
            dotted = ".".join(str(part) for part in loc[:end])
            if dotted in self.row:
                return dotted
        return None
