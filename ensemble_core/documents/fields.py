"""Which keys a model knows at a location: for did-you-mean, and for dotted keys."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ensemble_core.documents.compose import Loc


def field_key(name: str, info: FieldInfo) -> str:
    """A field's key in a document: its alias where it has one."""
    return info.alias or name


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a model, in the order in which they are declared."""
    return {field_key(name, info): info for name, info in model.model_fields.items()}


def keys_at(root: Any, loc: Loc) -> list[str]:
    """The keys allowed at `loc` below a type; empty where any key is, or none."""
    found = [member for member in types_at(root, loc) if is_model(member)]
    return list(dict.fromkeys(key for member in found for key in keys_of(member)))


def types_at(root: Any, loc: Loc) -> list[Any]:
    """The types that a value at `loc` below the type `root` may have, unions opened.

    `loc` may hold pydantic's names of union branches beside keys and indices.
    """
    current = opened(root)
    for part in loc:
        named = [member for member in current if _is_branch(member, part)]
        current = named or [inner for member in current for inner in _step(member, part)]
    return current


def _is_branch(member: Any, name: str | int) -> bool:
    """Whether pydantic calls this member of a union `name`: its class, or its literal tag."""
    if getattr(member, "__name__", None) == name:
        return True
    fields = keys_of(member).values() if is_model(member) else ()
    return any(get_args(info.annotation) == (name,) for info in fields)


def is_model(member: Any) -> bool:
    """Whether a type is a pydantic model."""
    return isinstance(member, type) and issubclass(member, BaseModel)


def opened(annotation: Any) -> list[Any]:
    """The members of a union, through `Annotated`; the type itself if it is none."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return opened(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [member for part in get_args(annotation) for member in opened(part)]
    return [annotation]


def _step(member: Any, part: str | int) -> Iterator[Any]:
    if is_model(member):
        info = keys_of(member).get(str(part))
        if info is not None:
            yield from opened(info.annotation)
        return
    origin, args = get_origin(member), get_args(member)
    if origin is dict and isinstance(part, str) and len(args) == 2:
        yield from opened(args[1])
    elif origin in (tuple, list) and isinstance(part, int):
        for inner in args:
            if inner is not Ellipsis:
                yield from opened(inner)
