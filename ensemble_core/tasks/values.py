"""Values that slices select by: one text for each, whether it came from YAML, JSON or CSV."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field

from ensemble_core.tasks.quantiles import share_in

Attribute: TypeAlias = float | str | None
"""A question's difficulty or attribute: a number, a word, or nothing."""

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_RANGE = re.compile(r"(?P<low>-?\d+(\.\d+)?)?\.\.(?P<high>-?\d+(\.\d+)?)?")


def attribute(value: Any) -> Attribute:
    """A value from a data file: numbers as floats (written ones too), the rest as words.

    Raises:
        ValueError: It is a list or a mapping, or infinite.
    """
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return None  # not-a-number is how tables write a number that is missing
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return finite(float(value))
    if not isinstance(value, str):
        raise ValueError("a number or a word is needed")
    text = value.strip()
    return finite(float(text)) if _NUMBER.fullmatch(text) else text


def finite(number: float) -> float:
    """The number.

    Raises:
        ValueError: It is infinite.
    """
    if number in (float("inf"), float("-inf")):
        raise ValueError("a finite number is needed")
    return number


def text_of(value: Attribute) -> str:
    """How a value is written in a slice: `3`, `2.5`, `Low`; `null` for nothing."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else repr(value)


def matches(value: Attribute, wanted: str) -> bool:
    """Whether a value is the one wanted, or a number within the wanted range (ends included)."""
    bounds = _RANGE.fullmatch(wanted) if is_range(wanted) else None
    if bounds is None:
        return value is not None and text_of(value) == wanted
    low, high = bounds["low"], bounds["high"]
    if not isinstance(value, float):
        return False
    return (low is None or value >= float(low)) and (high is None or value <= float(high))


def is_range(wanted: str) -> bool:
    """Whether a wanted value is a range of numbers: `2..4`, `2..` or `..4`."""
    return wanted != ".." and _RANGE.fullmatch(wanted) is not None


def in_order(texts: Iterable[str]) -> tuple[str, ...]:
    """Texts without repeats, numbers first and by size."""

    def place(text: str) -> tuple[bool, float, str]:
        number = _NUMBER.fullmatch(text) is not None
        return not number, float(text) if number else 0.0, text

    return tuple(sorted(set(texts), key=place))


def _texts(value: Any) -> tuple[str, ...]:
    items: tuple[Any, ...] = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not items:
        raise ValueError("no value is wanted")
    return in_order(_text(item) for item in items)


def _text(item: Any) -> str:
    value = attribute(item) if isinstance(item, (str, int, float)) else None
    if value is None:
        raise ValueError("takes words, numbers and ranges such as 2..4 or 0%..50%")
    text = text_of(value)
    share_in(text)  # refuses percentages that are none
    return text


Wanted = Annotated[
    tuple[str, ...],
    BeforeValidator(
        _texts,
        json_schema_input_type=str
        | float
        | bool
        | Annotated[tuple[str | float | bool, ...], Field(min_length=1)],
    ),
]
"""The values that a slice selects, as texts; a range is written `2..4`, `2..` or `..4`, and a share
of the questions by rank `0%..50%`, see `quantiles`."""
