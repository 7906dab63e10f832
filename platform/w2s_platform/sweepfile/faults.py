"""What is wrong with the points of a sweep, each problem at its place and said once."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ensemble_core.documents import Document, Loc, Problem
from ensemble_core.documents.validate import Explained
from w2s_platform.sweepfile.axes import Row
from w2s_platform.sweepfile.places import Places
from w2s_platform.sweepfile.rules import Breach
from w2s_platform.sweepfile.tree import NoSuchPlaceError
from w2s_platform.sweepfile.values import brief


@dataclass(frozen=True)
class Faults:
    """What is wrong with one point."""

    sections: list[tuple[str, Explained]]
    """Complaints by section; their locations count from it."""
    rules: list[Breach]

    def __str__(self) -> str:
        broken = [breach.message for breach in self.rules]
        return "; ".join(dict.fromkeys(broken + [item.message for _, item in self.sections]))


@dataclass
class PointProblems:
    """Collects the problems of many points; one that many cells have is said once."""

    document: Document
    _found: dict[tuple[Problem, str], int] = field(default_factory=dict[tuple[Problem, str], int])
    """The problem with the varied values that it comes from, and how many points have it."""

    def misplaced(self, error: NoSuchPlaceError, row: Row) -> None:
        """A key that lies below a value that is no mapping."""
        places = Places(self.document, row)
        self._add(places.problem(error.loc, str(error), key=True), places.varied(error.at), row)

    def add(self, faults: Faults, row: Row) -> None:
        """What is wrong with one point."""
        places = Places(self.document, row)
        told = {breach.message for breach in faults.rules}
        for breach in faults.rules:
            problem = places.problem(breach.at(places.is_written), breach.message, breach.hint)
            self._add(problem, places.varied(*breach.keys), row)
        for section, item in faults.sections:
            if item.ruled is None or item.message not in told:
                self._add_explained(places, section, item, row)

    def _add_explained(self, places: Places, section: str, item: Explained, row: Row) -> None:
        base: Loc = () if item.missing == section else (section,)
        loc, keys = (*base, *item.loc), list[str]()
        if item.ruled is not None:
            keys = places.below((*base, *item.ruled), item.message)
            if keys and not places.is_written(loc):
                loc = tuple(keys[0].split("."))
        self._add(places.problem(loc, item.message, item.hint, key=item.at_key), keys, row)

    def _add(self, problem: Problem, keys: list[str], row: Row) -> None:
        """`keys` are the varied ones that meet in the problem."""
        cells = ", ".join(f"{key}={brief(row[key].value)}" for key in keys)
        self._found[problem, cells] = self._found.get((problem, cells), 0) + 1

    def all(self) -> Iterator[Problem]:
        """The problems; where several keys meet in one, with the values that do."""
        for (problem, cells), count in self._found.items():
            yield _with_cells(problem, cells, count) if cells else problem


def _with_cells(problem: Problem, cells: str, count: int) -> Problem:
    where = f"where {cells}" + (f", {count} points" if count > 1 else "")
    return replace(problem, hint=f"{problem.hint}; {where}" if problem.hint else where)
