"""From YAML events to plain data, with the place of every key and value.

Anchors, aliases, merge keys, tags and keys that aren't text are refused: a file must say what it
means where it says it. Such faults are noted and reading goes on, so that all are reported.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from ensemble_core.documents.scalars import plain_scalar

Loc: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[int, int]
_DEEPEST = 40


@dataclass
class Composed:
    """Data, and where its parts stand (line and column, both from 1)."""

    data: Any = None
    keys: dict[Loc, Place] = field(default_factory=dict[Loc, Place])
    values: dict[Loc, Place] = field(default_factory=dict[Loc, Place])
    faults: list[tuple[Loc, Place, str, str]] = field(
        default_factory=list[tuple[Loc, Place, str, str]]
    )
    """Location, place, message and hint."""


def compose(text: str) -> Composed:
    """Read one YAML document.

    Raises:
        yaml.YAMLError: The text is not YAML.
    """
    try:
        return _Composer(yaml.parse(text, Loader=_fast_loader())).run()
    except yaml.YAMLError:
        # libyaml is quick, but PyYAML's own parser explains itself better.
        return _Composer(yaml.parse(text, Loader=yaml.SafeLoader)).run()


def _fast_loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Composer:
    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.out = Composed()

    def run(self) -> Composed:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.out.data = self._value(next(self.events), ())
                break
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._fault((), _place(event), "a second document", "one file holds one document")
                break
        return self.out

    def _value(self, event: Any, loc: Loc) -> Any:
        self._refuse_extras(event, loc)
        self.out.values[loc] = self._shown_place(event, loc)
        if isinstance(event, yaml.AliasEvent):
            return None
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, loc)
        if len(loc) > _DEEPEST:
            self._fault(loc, _place(event), "nested too deep", "")
            return self._skip()
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(loc)
        return self._mapping(loc)

    def _skip(self) -> None:
        depth = 1
        while depth:
            event = next(self.events)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)

    def _sequence(self, loc: Loc) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*loc, len(items))))
        return items

    def _mapping(self, loc: Loc) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event, loc)
            if key is None or key in items:
                if key is not None:
                    self._duplicate(loc, key, _place(event))
                # Read what belongs to the bad key under a location that no model has.
                self._value(next(self.events), (*loc, -1))
                continue
            self.out.keys[(*loc, key)] = _place(event)
            items[key] = self._value(next(self.events), (*loc, key))
        return items

    def _duplicate(self, loc: Loc, key: str, place: Place) -> None:
        first = self.out.keys[(*loc, key)]
        self._fault((*loc, key), place, "the key stands here twice", f"first at line {first[0]}")

    def _key(self, event: Any, loc: Loc) -> str | None:
        self._refuse_extras(event, loc)
        if not isinstance(event, yaml.ScalarEvent):
            if isinstance(event, yaml.CollectionStartEvent):
                self._skip()
            self._fault(loc, _place(event), "a key must be text", "")
            return None
        plain = _is_plain(event)
        if plain and event.value == "<<":
            hint = "write the keys out; `vary` and defaults keep files short"
            self._fault(loc, _place(event), "merge keys (`<<`) are not allowed", hint)
            return None
        if plain and not isinstance(_quiet(event.value), str):
            message = f"a key must be text, and `{event.value}` is not"
            self._fault(loc, _place(event), message, f'quote it: "{event.value}"')
            return None
        return str(event.value)

    def _scalar(self, event: Any, loc: Loc) -> Any:
        if not _is_plain(event):
            return str(event.value)
        try:
            return plain_scalar(event.value)
        except ValueError as error:
            self._fault(loc, _place(event), str(error), "")
            return None

    def _refuse_extras(self, event: Any, loc: Loc) -> None:
        hint = "write the value out"
        if isinstance(event, yaml.AliasEvent):
            self._fault(loc, _place(event), f"aliases (`*{event.anchor}`) are not allowed", hint)
        elif event.anchor is not None:
            self._fault(loc, _place(event), f"anchors (`&{event.anchor}`) are not allowed", hint)
        tag = getattr(event, "tag", None)
        if tag is not None:
            tag = str(tag).replace("tag:yaml.org,2002:", "!!")
            self._fault(loc, _place(event), f"tags (`{tag}`) are not allowed", hint)

    def _shown_place(self, event: Any, loc: Loc) -> Place:
        block = isinstance(event, yaml.CollectionStartEvent) and not event.flow_style
        empty = isinstance(event, yaml.ScalarEvent) and not event.value and _is_plain(event)
        # A block, or nothing, is best shown by its key: it starts lines below, or nowhere.
        return self.out.keys.get(loc, _place(event)) if block or empty else _place(event)

    def _fault(self, loc: Loc, place: Place, message: str, hint: str) -> None:
        self.out.faults.append((loc, place, message, hint))


def _is_plain(event: Any) -> bool:
    """Whether a scalar is unquoted; libyaml's style is then empty, PyYAML's None."""
    return not event.style


def _quiet(text: str) -> Any:
    try:
        return plain_scalar(text)
    except ValueError:
        return None


def _place(event: Any) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1
