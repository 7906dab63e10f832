"""A slice: part of a task, as sweep files name it."""

import re
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ensemble_core.errors import InputError
from ensemble_core.settings import Settings
from ensemble_core.tasks.values import Wanted

_SHORT = re.compile(r"\s*(?P<task>[^\s\[\]]+)\s*(?:\[(?P<inside>.*)\])?\s*", re.S)
_ITEM = re.compile(r"\s*(?P<key>[\w-]+)\s*=\s*(?P<values>(?:\"[^\"]*\"|[^,\"])*?)\s*(?:,|$)")
_VALUE = re.compile(r"\s*(?:\"(?P<quoted>[^\"]*)\"|(?P<plain>[^|\"]+?))\s*(?:\||$)")
_EXAMPLE = "write it like arc-easy[difficulty=Low|Medium, split=test, size=200]"


class SliceSpec(Settings, frozen=True):
    """A task's questions, or those with certain values, of one split, all or a number of them.

    In short `task[name=value|value, …]`, where `split` and `size` may stand beside the names.
    """

    task: Annotated[str, Field(min_length=1)]
    """The task card's name."""
    select: dict[str, Wanted] = Field(default_factory=dict)
    """Difficulty or attribute → the values wanted, ranges such as `2..4`, shares such as `0%..50%`
    (the half of the split's questions with the smallest numbers), or names of the card's `groups`.
    A question without a value is left out."""
    split: str | None = None
    """The card's split; default: `train` for labelled and transfer, `validation` (else `train`) for
    validation, `test` for id and ood."""
    size: Annotated[int, Field(ge=1)] | None = None
    """How many questions are drawn; default: all that no other role holds."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return _parse(value) if isinstance(value, str) else value

    @property
    def label(self) -> str:
        """Task and selection, for tables: `arc-easy[difficulty=Low|Medium]`."""
        return _written(self.task, _selected(self.select))

    def __str__(self) -> str:
        rest = {"split": self.split, "size": self.size}
        given = [f"{name}={value}" for name, value in rest.items() if value is not None]
        return _written(self.task, [*_selected(self.select), *given])

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Either form."""
        mapping = handler(core_schema)
        short = {"type": "string", "description": f"In short; {_EXAMPLE}"}
        return {"anyOf": [short, handler.resolve_ref_schema(mapping)]}


def parse_slice(text: str) -> SliceSpec:
    """Read the short form.

    Raises:
        InputError: It is malformed.
    """
    try:
        return SliceSpec.model_validate(_parse(text))
    except ValidationError as error:
        found = error.errors()[0]
        what = f"`{'.'.join(map(str, found['loc']))}`: {found['msg']}"
        raise InputError(what, where=f"slice `{text}`", hint=_EXAMPLE) from None
    except ValueError as error:
        raise InputError(str(error), where=f"slice `{text}`") from None


def _parse(text: str) -> dict[str, Any]:
    short = _SHORT.fullmatch(text)
    if short is None:
        raise ValueError(f"`{text}` is not a slice; {_EXAMPLE}")
    out: dict[str, Any] = {"task": short["task"]}
    select: dict[str, Any] = {}
    for key, values in _items(text, short["inside"]):
        if key in out or key in select:
            raise ValueError(f"`{key}` stands twice in `{text}`")
        if key == "split":
            out[key] = _one(key, values)
        elif key == "size":
            out[key] = _integer(_one(key, values))
        else:
            select[key] = values
    return out | ({"select": select} if select else {})


def _items(text: str, inside: str | None) -> list[tuple[str, tuple[str, ...]]]:
    items: list[tuple[str, tuple[str, ...]]] = []
    at = 0
    while inside is not None and (at < len(inside) or not items):
        item = _ITEM.match(inside, at)
        values = _values(item["values"]) if item else None
        if item is None or not values:
            raise ValueError(f"`{inside[at:].strip()}` in `{text}` is not name=value; {_EXAMPLE}")
        items.append((item["key"], values))
        at = item.end()
    return items


def _values(text: str) -> tuple[str, ...]:
    values: list[str] = []
    at = 0
    while at < len(text):
        value = _VALUE.match(text, at)
        if value is None:
            return ()
        values.append(value["plain"] if value["quoted"] is None else value["quoted"])
        at = value.end()
    return () if text.rstrip().endswith("|") else tuple(values)


def _one(key: str, values: tuple[str, ...]) -> str:
    if len(values) != 1:
        raise ValueError(f"`{key}` takes one value")
    return values[0]


def _integer(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"`size` takes a whole number, not `{text}`")
    return int(text)


def _selected(select: dict[str, tuple[str, ...]]) -> list[str]:
    return [f"{name}={'|'.join(map(_quoted, values))}" for name, values in select.items()]


def _quoted(value: str) -> str:
    plain = not re.search(r"[,|\[\]]", value) and value == value.strip()
    return value if plain else f'"{value}"'


def _written(task: str, items: list[str]) -> str:
    return f"{task}[{','.join(items)}]" if items else task
