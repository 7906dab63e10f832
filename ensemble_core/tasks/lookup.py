"""Reading fields out of a row: names, paths, lists, and what to say when they are not there."""

from collections.abc import Mapping
from typing import Any

from ensemble_core.documents import did_you_mean
from ensemble_core.errors import InputError
from ensemble_core.tasks.fields import ListField, Separated, Values
from ensemble_core.tasks.readers import Row


class MissingFieldError(InputError):
    """A row lacks a field that the card names."""


def value(row: Row, name: str) -> Any:
    """What a row holds under a field's name or path; a path through a list reads every item.

    Raises:
        MissingFieldError: Names the row, the field and the nearest names.
    """
    if name in row.data:
        return row.data[name]
    try:
        return _walk(row.data, name.split("."))
    except LookupError:
        hint = did_you_mean(name, field_names(row.data))
        raise MissingFieldError(f"there is no field `{name}`", where=row.where, hint=hint) from None


def text(row: Row, name: str) -> str:
    """A field's text; numbers and truth values as JSON writes them.

    Raises:
        InputError: It is missing, null, blank, a list or a mapping.
    """
    return as_text(row, name, value(row, name))


def has(row: Row, name: str) -> bool:
    """Whether a row has a field, be it null."""
    try:
        value(row, name)
    except MissingFieldError:
        return False
    return True


def text_or(row: Row, name: str, default: str) -> str:
    """A field's text, or `default` where it is missing, null or blank.

    Raises:
        InputError: It is a list or a mapping.
    """
    given = _optional(row, name)
    return default if _blank(given) else as_text(row, name, given)


def as_text(row: Row, name: str, given: Any) -> str:
    """A value of the field `name` as text; see `text`."""
    if isinstance(given, bool):
        given = str(given).lower()
    if isinstance(given, (int, float)):
        given = str(given)
    if not isinstance(given, str):
        kind = "null" if given is None else "a list" if isinstance(given, list) else "a mapping"
        hint = "a text or a number is needed; a path such as choices.text reaches into it"
        raise InputError(f"the field `{name}` is {kind}", where=row.where, hint=hint)
    if not given.strip():
        raise InputError(f"the field `{name}` is blank", where=row.where)
    if not given.isascii() and any("\ud800" <= letter <= "\udfff" for letter in given):
        raise InputError(f"the field `{name}` holds half a character", where=row.where)
    return given


def texts(row: Row, name: ListField, *, optional: bool = False) -> tuple[str, ...]:
    """A list of texts.

    Args:
        row: The row.
        name: Where the list stands.
        optional: Leave out what is missing, null or blank.

    Raises:
        InputError: An item is missing (unless optional) or is not a text.
    """
    if isinstance(name, Values):
        return name.values
    if isinstance(name, Separated):
        parts = text(row, name.field).split(name.separator)
        return tuple(as_text(row, name.field, part.strip()) for part in parts)
    if isinstance(name, str):
        items = value(row, name)
        if not isinstance(items, list):
            hint = "name the fields one by one, or use {field: …, separator: …}"
            raise InputError(f"the field `{name}` is not a list", where=row.where, hint=hint)
        given = {f"{name}.{number}": item for number, item in enumerate(items)}
    else:
        given = {each: _optional(row, each) if optional else value(row, each) for each in name}
    return tuple(
        as_text(row, each, item) for each, item in given.items() if not (optional and _blank(item))
    )


def field_names(data: Mapping[str, Any]) -> list[str]:
    """The names of a row's fields, with paths one level down."""
    names: list[str] = []
    for name, inner in data.items():
        names.append(name)
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            inner = inner[0]
        if isinstance(inner, dict):
            names += [f"{name}.{below}" for below in inner]
    return names


def _optional(row: Row, name: str) -> Any:
    try:
        return value(row, name)
    except MissingFieldError:
        return None


def _blank(item: Any) -> bool:
    return item is None or (isinstance(item, str) and not item.strip())


def _walk(data: Any, parts: list[str]) -> Any:
    if not parts:
        return data
    if isinstance(data, list):
        if parts[0].isdecimal():
            return _walk(data[int(parts[0])], parts[1:])
        return [_walk(item, parts) for item in data]
    if isinstance(data, Mapping):
        return _walk(data[parts[0]], parts[1:])
    raise LookupError(parts[0])
