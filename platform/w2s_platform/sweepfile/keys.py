"""Dotted keys: which there are, and what a value at one may be."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticUndefined

from ensemble_core.documents import Loc, did_you_mean
from ensemble_core.documents.fields import is_model, keys_of, opened
from w2s_platform.sweepfile.file import SweepFile
from w2s_platform.sweepfile.sections import SECTIONS, Config


@dataclass(frozen=True)
class Key:
    """A place in the tree of settings that decide a cell."""

    loc: Loc
    type: Any
    """What a value here may be, with its limits (`Annotated`)."""
    default: Any = PydanticUndefined
    """`PydanticUndefined` where the key must be given, or what stands here decides."""
    required: bool = False

    @property
    def dotted(self) -> str:
        """The key as people write it."""
        return ".".join(str(part) for part in self.loc)

    @property
    def adapter(self) -> TypeAdapter[Any]:
        """Validates a value for this key."""
        return _adapter(self.dotted)


@cache
def find_key(dotted: str) -> Key | None:
    """The key of this name; None where there is none or where it may not vary."""
    first, *rest = dotted.split(".")
    if first not in SECTIONS:
        return None
    found = [_field_key((first,), Config, first)]
    for part in rest:
        found = [below for key in found for below in _below(key, part)]
    return found[0] if found else None


@cache
def all_keys() -> tuple[str, ...]:
    """Every dotted key that may vary, as far as the models name them."""
    return tuple(
        name for section in SECTIONS for name in _walk(_field_key((section,), Config, section))
    )


@cache
def open_keys() -> tuple[str, ...]:
    """Keys that hold a mapping with names of the user's own, such as `tasks.labelled.select`."""
    keys = [find_key(name) for name in all_keys()]
    return tuple(key.dotted for key in keys if key and any(map(_is_dict, opened(key.type))))


def unknown_key(dotted: str) -> tuple[str, str]:
    """What to say of a key that `find_key` does not know: message and hint."""
    first = dotted.split(".")[0]
    if first in SweepFile.model_fields and first not in SECTIONS:
        return f"`{first}` can't vary", f"allowed: keys below {', '.join(SECTIONS)}"
    ends = [name for name in all_keys() if name.endswith(f".{dotted}")]
    if ends:
        return f"there is no key `{dotted}`", "did you mean " + " or ".join(
            f"`{n}`" for n in ends
        ) + "?"
    return f"there is no key `{dotted}`", did_you_mean(dotted, all_keys(), listed=0)


@cache
def _adapter(dotted: str) -> TypeAdapter[Any]:
    key = find_key(dotted)
    assert key is not None
    return TypeAdapter(key.type)


def _field_key(loc: Loc, model: type[BaseModel], name: str) -> Key:
    info = keys_of(model)[name]
    kind = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
    return Key(loc, kind, info.get_default(call_default_factory=True), info.is_required())


def _below(key: Key, part: str) -> Iterator[Key]:
    for member in opened(key.type):
        if is_model(member) and part in keys_of(member):
            yield _field_key((*key.loc, part), member, part)
        elif _is_dict(member):
            yield Key((*key.loc, part), get_args(member)[1])


def _is_dict(member: Any) -> bool:
    return get_origin(member) is dict


def _walk(key: Key) -> Iterator[str]:
    yield key.dotted
    for member in opened(key.type):
        if is_model(member):
            for name in keys_of(member):
                yield from _walk(_field_key((*key.loc, name), member, name))
