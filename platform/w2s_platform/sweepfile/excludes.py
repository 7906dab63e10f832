"""`exclude:`, the cells that make no sense."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic_core import PydanticUndefined

from ensemble_core.documents import Document, Loc, Problem
from w2s_platform.stage import Json, canonical_json
from w2s_platform.sweepfile.keys import Key, find_key, unknown_key
from w2s_platform.sweepfile.tree import get_at
from w2s_platform.sweepfile.values import complaints_about, full_form


class Excludes:
    """The items of `exclude:`, matched against the settings of each point."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self._items: dict[Loc, dict[str, set[str]]] = {}
        self._unused: set[Loc] = set()
        items = document.data.get("exclude")
        for index, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict) and item:
                self._read(("exclude", index), item)

    def leave_out(self, tree: Mapping[str, Any]) -> bool:
        """Whether some item matches these settings."""
        matching = [loc for loc, item in self._items.items() if _matches(item, tree)]
        self._unused.difference_update(matching)
        return bool(matching)

    def unused(self) -> Iterator[Problem]:
        """A problem for every item that has matched nothing so far."""
        for loc in sorted(self._unused, key=str):
            yield self.document.problem(loc, "excludes no cell", "no cell has all these values")

    def _read(self, loc: Loc, item: Mapping[str, Json]) -> None:
        wanted: dict[str, set[str]] = {}
        count = len(self.problems)
        for dotted, value in item.items():
            key = find_key(dotted)
            if key is None:
                problem = self.document.problem((*loc, dotted), *unknown_key(dotted), key=True)
                self.problems.append(problem)
                continue
            wanted[dotted] = {_form(key, one) for one in self._values(key, (*loc, dotted), value)}
        if len(self.problems) == count:
            self._items[loc] = wanted
            self._unused.add(loc)

    def _values(self, key: Key, loc: Loc, value: Json) -> Iterator[Json]:
        """The value itself if it fits the key; else each item of a list of values."""
        whole = complaints_about(key, value)
        if not whole or not isinstance(value, list):
            self._note(loc, whole)
            yield value
            return
        for index, one in enumerate(value):
            self._note((*loc, index), complaints_about(key, one))
            yield one

    def _note(self, loc: Loc, found: list[Any]) -> None:
        for item in found:
            place = (*loc, *item.loc)
            problem = self.document.problem(place, item.message, item.hint, key=item.at_key)
            self.problems.append(problem)


def _matches(item: Mapping[str, set[str]], tree: Mapping[str, Any]) -> bool:
    for dotted, forms in item.items():
        key = find_key(dotted)
        if key is None or _form(key, get_at(tree, key.loc)) not in forms:
            return False
    return True


def _form(key: Key, value: Json) -> str:
    """One text for all ways of writing a value; where nothing is written, the default's."""
    return (
        _default_form(key.dotted) if value is None else _cached(key.dotted, canonical_json(value))
    )


@lru_cache(maxsize=4096)
def _cached(dotted: str, text: str) -> str:
    key = find_key(dotted)
    return text if key is None else full_form(key, json.loads(text))


@lru_cache(maxsize=4096)
def _default_form(dotted: str) -> str:
    key = find_key(dotted)
    if key is None or key.default is PydanticUndefined:
        return "null"
    return canonical_json(key.adapter.dump_python(key.default, mode="json"))
