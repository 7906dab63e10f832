"""Pydantic's complaints in plain words: what is wrong, and what is allowed."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ensemble_core.documents.nearest import did_you_mean

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "nothing",
}
_LIMITS: dict[str, tuple[str, str]] = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
    "multiple_of": ("multiple_of", "a multiple of"),
}


def expected(error: Mapping[str, Any]) -> str | None:
    """What kind of value was wanted, where the complaint is about the kind; else None."""
    if error["type"] == "literal_error":
        return str(error["ctx"]["expected"]).replace("'", "")
    return _EXPECTED.get(error["type"])


def message(error: Mapping[str, Any]) -> tuple[str, str]:
    """The complaint in plain words, and a hint (may be empty)."""
    kind, context = error["type"], error.get("ctx") or {}
    wanted = expected(error)
    if wanted is not None:
        return wrong_kind(error["input"], wanted)
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"must be {words} {context[name]:g}, not {shown(error['input'])}", ""
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(error), ""
    return str(error["msg"]).removeprefix("Value error, "), ""


def choice(error: Mapping[str, Any]) -> tuple[str, str]:
    """The complaint about a value that is none of the names allowed, and a hint."""
    context = error["ctx"]
    names = re.findall(r"'([^']*)'", str(context.get("expected", context.get("expected_tags"))))
    value = error["input"]
    if "discriminator" in context:
        value = value.get(context["discriminator"].strip("'"))
        if not isinstance(value, str):
            return f"{shown(value)} is not known here", f"allowed: {', '.join(names)}"
    if isinstance(value, str) and names:
        return f"`{value}` is not known here", did_you_mean(value, names)
    return message(error)


def wrong_kind(value: Any, wanted: str) -> tuple[str, str]:
    """The complaint that `value` is not what was wanted, and a hint."""
    if value is None:
        return f"is empty; expected {wanted}", ""
    hint = ""
    if wanted == "true or false" and isinstance(value, str):
        hint = {"yes": "write true", "on": "write true", "no": "write false", "off": "write false"}
        hint = hint.get(value.casefold(), "")
    return f"expected {wanted}, not {shown(value)}", hint


def shown(value: Any) -> str:
    """A value as a message shows it: short, and recognisable."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    if value == "":
        return "an empty text"
    text = str(value)
    text = text if len(text) <= 60 else text[:57] + "…"
    return f"`{text}`" if isinstance(value, str) else text


def _too_short(error: Mapping[str, Any]) -> str:
    least = error["ctx"]["min_length"]
    return "must not be empty" if least == 1 else f"needs at least {least} items"


def _too_long(error: Mapping[str, Any]) -> str:
    return f"has more than {error['ctx']['max_length']} items"


def _missing_tag(error: Mapping[str, Any]) -> str:
    return f"the key {error['ctx']['discriminator']} is missing".replace("'", "`")


_SPECIAL: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda error: f"the key `{error['loc'][-1]}` is missing",
    "union_tag_not_found": lambda error: _missing_tag(error),
    "extra_forbidden": lambda error: "unknown key",
    "too_short": _too_short,
    "string_too_short": _too_short,
    "too_long": _too_long,
    "string_too_long": _too_long,
    "finite_number": lambda error: "must be finite",
    "string_pattern_mismatch": lambda error: (
        f"{shown(error['input'])} does not match {error['ctx']['pattern']}"
    ),
}
