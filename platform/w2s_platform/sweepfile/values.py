"""Values for dotted keys: whether they fit, and which are the same."""

from typing import Any

from pydantic import ValidationError

from ensemble_core.documents.validate import Explained, explained, frozen
from w2s_platform.stage import Json, canonical_json
from w2s_platform.sweepfile.keys import Key


def complaints_about(key: Key, value: Json) -> list[Explained]:
    """What is wrong with `value` at `key`; locations count from the value."""
    try:
        validated(key, value)
    except ValidationError as error:
        return explained(error, key.type, value)
    return []


def validated(key: Key, value: Json) -> Any:
    """The value as the key's type.

    Raises:
        ValidationError: It does not fit.
    """
    return key.adapter.validate_python(frozen(value), strict=True)


def full_form(key: Key, value: Json) -> str:
    """One text for all ways of writing a value (`lora`, `{}`, `{rank: 8}`), defaults filled in."""
    try:
        return canonical_json(key.adapter.dump_python(validated(key, value), mode="json"))
    except ValidationError:
        return canonical_json(value)


def mapping_form(key: Key, value: Json) -> dict[str, Any] | None:
    """A short value as the mapping that it stands for; None where it stands for none."""
    try:
        plain = key.adapter.dump_python(validated(key, value), mode="json", exclude_unset=True)
    except ValidationError:
        return None
    return plain if isinstance(plain, dict) else None


def brief(value: Any) -> str:
    """A value as a message shows it."""
    text = value if isinstance(value, str) else canonical_json(value)
    return text if len(text) <= 40 else text[:37] + "…"
