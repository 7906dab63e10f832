"""One complaint per value: pydantic gives one for every branch of a union."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ensemble_core.documents.compose import Loc
from ensemble_core.documents.messages import expected

Error = Mapping[str, Any]
_MISSING: Any = object()


@dataclass(frozen=True)
class Complaint:
    """An error, its location in the data, and its location in the model (branches named)."""

    loc: Loc
    model_loc: Loc
    error: Error
    value: Any
    """What stands at `loc`."""
    wanted: tuple[str, ...] = ()
    """Where no branch fits: what each of them expects."""


def complaints(errors: Sequence[Error], data: Any) -> list[Complaint]:
    """Errors with union branches resolved: the branch that fits best speaks for the union."""
    return _collapse([(tuple(error["loc"]), error) for error in errors], data, (), ())


def _collapse(
    errors: Sequence[tuple[Loc, Error]], data: Any, loc: Loc, model_loc: Loc
) -> list[Complaint]:
    """Walk the errors' remaining locations down the data, one part at a time."""
    deeper = [(rest, error) for rest, error in errors if rest]
    here = [error for rest, error in errors if not rest]
    if deeper:  # items that are wrong are not counted, and then too few are left
        here = [error for error in here if error["type"] != "too_short"]
    out = [Complaint(loc, model_loc, error, data) for error in here]
    branches: dict[str | int, list[tuple[Loc, Error]]] = {}
    for part, group in groupby(deeper, key=lambda item: item[0][0]):
        below = [(rest[1:], error) for rest, error in group]
        inner = _get(data, part)
        if inner is not _MISSING:
            out += _collapse(below, inner, (*loc, part), (*model_loc, part))
        elif all(not rest and error["type"] == "missing" for rest, error in below):
            out += [Complaint(loc, model_loc, error, data) for _, error in below]
        else:
            branches.setdefault(part, []).extend(below)
    return out + _best_branch(branches, data, loc, model_loc)


def _best_branch(
    branches: Mapping[str | int, list[tuple[Loc, Error]]], data: Any, loc: Loc, model_loc: Loc
) -> list[Complaint]:
    if not branches:
        return []
    fitting = {
        tag: errors
        for tag, errors in branches.items()
        if not any(_is_wrong_kind(rest, error) for rest, error in errors)
    }
    if fitting:
        tag = min(fitting, key=lambda name: len(fitting[name]))
        return _collapse(fitting[tag], data, loc, (*model_loc, tag))
    ends = [error for errors in branches.values() for rest, error in errors if not rest]
    if not ends:
        tag = next(iter(branches))
        return _collapse(branches[tag], data, loc, (*model_loc, tag))
    wanted = dict.fromkeys(text for error in ends if (text := expected(error)))
    return [Complaint(loc, model_loc, ends[0], data, tuple(wanted))]


def _is_wrong_kind(rest: Loc, error: Error) -> bool:
    """Whether an error says that the value is not what this branch takes at all."""
    return not rest and expected(error) is not None


def _get(data: Any, part: str | int) -> Any:
    if isinstance(data, Mapping) and part in data:
        return data[part]
    if isinstance(data, Sequence) and not isinstance(data, str) and isinstance(part, int):
        return data[part] if part < len(data) else _MISSING
    return _MISSING
