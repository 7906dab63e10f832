"""Read a sweep file: a checked sweep, or every problem with it at once."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ensemble_core.documents import Document, DocumentErrors, Loc, Problem, read
from ensemble_core.documents.validate import Explained, explained, validated
from w2s_platform.sweepfile.axes import Axes, Row, read_axes
from w2s_platform.sweepfile.excludes import Excludes
from w2s_platform.sweepfile.faults import PointProblems
from w2s_platform.sweepfile.file import SweepFile
from w2s_platform.sweepfile.points import Point, PointMaker
from w2s_platform.sweepfile.resources import ResourceSettings
from w2s_platform.sweepfile.search import SearchSettings
from w2s_platform.sweepfile.searchspace import first_choices, search_problems
from w2s_platform.sweepfile.sections import SECTIONS
from w2s_platform.sweepfile.sweep import Sweep
from w2s_platform.sweepfile.tracking import read_track
from w2s_platform.sweepfile.tree import NoSuchPlaceError, get_at


def load_sweep(path: str | Path) -> Sweep:
    """Read and check a sweep file, every cell included.

    Raises:
        DocumentErrors: What is wrong with it, all of it.
        InputError: The file can't be read.
    """
    return check_sweep(read(path))


def check_sweep(document: Document) -> Sweep:
    """The sweep in a document.

    Raises:
        DocumentErrors: What is wrong with it, all of it.
    """
    if not isinstance(document.data, dict):
        message = "the file is empty" if document.data is None else "expected a mapping"
        raise DocumentErrors([*document.problems, document.problem((), message)])
    axes = read_axes(document)
    excludes = Excludes(document)
    problems = [*document.problems, *axes.problems, *excludes.problems]
    problems += _structure(document, axes)
    problems += search_problems(document, axes)
    points, found = _points(document, axes, excludes, sound=not problems)
    problems += found
    if problems:
        raise DocumentErrors(_without_echoes(problems, document))
    return _sweep(document, points)


def _sweep(document: Document, points: list[Point]) -> Sweep:
    data = document.data
    return Sweep(
        sweep=data["sweep"],
        seeds=data.get("seeds", 1),
        points=tuple(points),
        search=_section(SearchSettings, data.get("search")),
        resources=points[0].config.resources,
        track=read_track(data.get("track")),
        base=_base(data),
        document=document,
    )


def _section(model: Any, data: Any) -> Any:
    """A section as its model; None where there is none or it is wrong (reported elsewhere)."""
    found = None if data is None else validated(model, data)
    return None if isinstance(found, ValidationError) else found


def _base(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in SECTIONS if name in data}


def _structure(document: Document, axes: Axes) -> Iterator[Problem]:
    """What pydantic says of the file, less what depends on the cell that varied keys make."""
    result = validated(SweepFile, document.data)
    if isinstance(result, ValidationError):
        varied = [tuple(dotted.split(".")) for dotted in axes.keys]
        varied += [tuple(dotted.split(".")) for dotted in first_choices(document)]
        for item in explained(result, SweepFile, document.data):
            if not _left_to_cells(item, document.data, varied):
                yield document.problem(item.loc, item.message, item.hint, key=item.at_key)


def _left_to_cells(item: Explained, data: Any, varied: list[tuple[str, ...]]) -> bool:
    """Whether to judge this in each cell: a missing key that varies, a rule over several keys."""
    if item.missing is not None:
        missing = (*item.loc, item.missing)
        return any(key[: len(missing)] == missing for key in varied)
    if item.ruled and item.ruled[0] in SECTIONS:
        replaced = any(item.ruled[: len(key)] == key for key in varied)
        return isinstance(get_at(data, item.ruled), dict) and not replaced
    return False


def _points(
    document: Document, axes: Axes, excludes: Excludes, *, sound: bool
) -> tuple[list[Point], list[Problem]]:
    """Every point that is not excluded, and the problems of those that are wrong.

    `sound` says that nothing is wrong so far: only then is an exclusion without a match, or a
    point made twice, worth a word.
    """
    resources = _section(ResourceSettings, document.data.get("resources")) or ResourceSettings()
    maker = PointMaker(_base(document.data), resources)
    found = PointProblems(document)
    points: list[Point] = []
    for row in axes.rows():
        point = _point(maker, {**first_choices(document), **row}, excludes, found)
        points += [point] if point is not None else []
    problems = list(found.all())
    if sound and not problems:
        problems += [*excludes.unused(), *_repeated(points, document)]
        if not points and not problems:
            problems.append(document.problem(("exclude",), "no cell is left"))
    return points, problems


def _point(maker: PointMaker, row: Row, excludes: Excludes, found: PointProblems) -> Point | None:
    try:
        tree = maker.tree({key: pick.value for key, pick in row.items()})
    except NoSuchPlaceError as error:
        found.misplaced(error, row)
        return None
    if excludes.leave_out(tree):
        return None
    made = maker.make(tree, row)
    if isinstance(made, Point):
        return made
    found.add(made, row)
    return None


def _repeated(points: list[Point], document: Document) -> Iterator[Problem]:
    """Points that come out the same: their rows would be counted twice."""
    seen: dict[str, Point] = {}
    for point in points:
        first = seen.setdefault(point.identity, point)
        if first is not point:
            yield _repetition(first, point, document)


def _repetition(first: Point, second: Point, document: Document) -> Problem:
    changed = [key for key, pick in second.row.items() if pick != first.row.get(key)]
    loc: Loc = second.row[changed[-1]].loc if changed else ("vary",)
    shared = [key for key in changed if key in first.row]
    line = document.position(first.row[shared[-1]].loc)[0] if shared else 0
    hint = f"the same settings come from line {line}" if line else ""
    return document.problem(loc, "makes a cell that is there already", hint)


def _without_echoes(problems: list[Problem], document: Document) -> list[Problem]:
    """Drop what pydantic says of a value that the YAML reader has refused."""
    refused = {(item.line, item.column) for item in document.problems}
    own = set(document.problems)
    return [item for item in problems if item in own or (item.line, item.column) not in refused]
