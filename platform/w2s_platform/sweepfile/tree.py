"""Settings as plain nested mappings, and values set into them at dotted keys."""

from collections.abc import Mapping
from typing import Any

from ensemble_core.documents import Loc
from w2s_platform.stage import Json
from w2s_platform.sweepfile.keys import find_key
from w2s_platform.sweepfile.values import brief, mapping_form

CASE = "case"
"""The key that names a case of `vary:`; a column of the results, and no setting."""


class NoSuchPlaceError(ValueError):
    """A key lies below a value that is no mapping, such as a LoRA rank below `adapter: full`.

    Args:
        loc: The key that was to be set.
        value: The value above it.
        at: Where that value stands.
    """

    def __init__(self, loc: Loc, value: Json, at: Loc) -> None:
        above = ".".join(str(part) for part in at)
        super().__init__(f"`{above}` is `{brief(value)}` here and has no key `{loc[len(at)]}`")
        self.loc, self.at = loc, at


def overlay(tree: Mapping[str, Any], values: Mapping[str, Json]) -> dict[str, Any]:
    """A copy of `tree` with values set; keys above are set before keys below them.

    The name of a case is no setting, and passed over.

    Raises:
        NoSuchPlaceError: A key lies below a value that stands for no mapping.
    """
    out = dict(tree)
    for dotted in sorted(values.keys() - {CASE}, key=lambda name: (name.count("."), name)):
        out = _set(out, tuple(dotted.split(".")), (), values[dotted])
    return out


def _set(tree: Any, rest: Loc, at: Loc, value: Json) -> Any:
    if not rest:
        return value
    mapping = _as_mapping(tree, rest, at)
    below = _set(mapping.get(rest[0]), rest[1:], (*at, rest[0]), value)
    return {**mapping, rest[0]: below}


def _as_mapping(value: Any, rest: Loc, at: Loc) -> dict[Any, Any]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    key = find_key(".".join(str(part) for part in at))
    found = mapping_form(key, value) if key is not None else None
    if found is None:
        raise NoSuchPlaceError((*at, *rest), value, at)
    return found


def get_at(tree: Any, loc: Loc) -> Any:
    """What stands at `loc`; None where nothing does."""
    for part in loc:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree
