"""Points of a sweep: the settings of its cells, checked."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ensemble_core.documents.validate import Explained, explained
from w2s_platform.stage import Json, canonical_json
from w2s_platform.sweepfile.axes import Row
from w2s_platform.sweepfile.faults import Faults
from w2s_platform.sweepfile.keys import find_key
from w2s_platform.sweepfile.rules import breaches
from w2s_platform.sweepfile.sections import SECTIONS, Config
from w2s_platform.sweepfile.tree import overlay
from w2s_platform.sweepfile.values import validated


@dataclass(frozen=True)
class Point:
    """One configuration of a sweep: its cells differ in their seed only."""

    varied: Mapping[str, Json]
    """Dotted key → the value as the file has it."""
    config: Config
    identity: str = field(repr=False)
    """Canonical JSON of what decides the point: defaults filled in, what is off left out."""
    row: Row = field(default_factory=dict[str, Any], repr=False, compare=False)

    @property
    def trial(self) -> str:
        """Twelve hex digits that identify the configuration, whatever the seed."""
        return short_hash(f'{{"config":{self.identity}}}')

    def cell_id(self, seed: int) -> str:
        """Twelve hex digits: SHA-256 of the canonical JSON of configuration and seed."""
        return short_hash(f'{{"config":{self.identity},"seed":{seed}}}')


def short_hash(text: str) -> str:
    """The first twelve hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class PointMaker:
    """Makes points; what many cells share (a section with the same values) is checked once."""

    def __init__(self, base: Mapping[str, Any], resources: Any) -> None:
        self._base = base
        self._resources = resources
        self._sections: dict[tuple[str, str], tuple[Any, str] | list[Explained]] = {}

    def tree(self, values: Mapping[str, Json]) -> dict[str, Any]:
        """The sections as plain data with values set.

        Raises:
            NoSuchPlaceError: A key lies below a value that is no mapping.
        """
        return overlay(self._base, values)

    def make(self, tree: Mapping[str, Any], row: Row) -> Point | Faults:
        """The point of a tree, or what is wrong with it."""
        checked = {name: self._section(name, tree) for name in SECTIONS}
        wrong = [(name, item) for name, found in checked.items()
                 if isinstance(found, list) for item in found]  # fmt: skip
        broken = breaches(tree)
        if wrong or broken:
            return Faults(wrong, broken)
        good = {name: found for name, found in checked.items() if isinstance(found, tuple)}
        models = {name: model for name, (model, _) in good.items()}
        config = Config.model_construct(**models, resources=self._resources)
        identity = ",".join(f'"{name}":{good[name][1]}' for name in sorted(good))
        varied = {key: pick.value for key, pick in row.items()}
        return Point(varied, config, f"{{{identity}}}", row)

    def _section(self, name: str, tree: Mapping[str, Any]) -> tuple[Any, str] | list[Explained]:
        text = canonical_json(tree[name]) if name in tree else ""
        known = self._sections.get((name, text))
        if known is None:
            known = self._sections[name, text] = _check_section(name, tree)
        return known


def _check_section(name: str, tree: Mapping[str, Any]) -> tuple[Any, str] | list[Explained]:
    """The section as a model with its canonical JSON, or what is wrong with it."""
    key = find_key(name)
    assert key is not None
    if name not in tree and key.required:
        return [Explained((), f"the key `{name}` is missing", missing=name)]
    try:
        model = validated(key, tree[name]) if name in tree else key.default
    except ValidationError as error:
        return explained(error, key.type, tree[name])
    return model, canonical_json(_what_is_on(key.adapter.dump_python(model, mode="json")))


def _what_is_on(value: Any) -> Any:
    """A JSON value without its options that are off (null, false, empty).

    An option that a later version adds to a section, off by default, then changes no cell's id. Two
    settings still never look alike, since a default that is not off is filled in.
    """
    if not isinstance(value, dict):
        return [_what_is_on(item) for item in value] if isinstance(value, list) else value
    kept = {name: _what_is_on(item) for name, item in value.items()}
    return {name: item for name, item in kept.items() if not _is_off(item)}


def _is_off(value: Any) -> bool:
    return value is None or value is False or value in ([], {})
