"""A model's name as people write it, in sweep files and task cards."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator

from ensemble_core.documents import LocatedError, did_you_mean, nearest
from ensemble_core.settings import ModelRef

_PATH = re.compile(r"[./~]")


def nano_names() -> Sequence[str]:
    """The sizes of the built-in suite."""
    from ensemble_core.nano.ladder import SIZES

    return tuple(SIZES)


def model_form(value: Any) -> Any:
    """A model as a mapping: `nano-s`, `gpt2`, `org/name@revision`, `./dir` and `x.gguf` are short.

    Raises:
        LocatedError: The name is of no known kind, or the built-in suite has no such size.
    """
    if isinstance(value, ModelRef):
        return value
    if isinstance(value, Mapping):
        _check_nano(value.get("nano"), ("nano",))
        return value
    if not isinstance(value, str) or not value.strip():
        hint = "such as nano-s, EleutherAI/pythia-70m or {gguf: …, package: …}"
        raise LocatedError("expected a model's name or a mapping", hint=hint)
    return _parsed(value)


def _parsed(name: str) -> dict[str, str]:
    if name.endswith(".gguf"):
        return {"gguf": name}
    if _PATH.match(name):
        return {"path": name}
    if name.startswith("nano-") or ("/" not in name and nearest(name, nano_names())):
        _check_nano(name, ())
        return {"nano": name}
    hub, _, revision = name.partition("@")
    return {"hub": hub, "revision": revision} if revision else {"hub": hub}


def _check_nano(name: Any, loc: tuple[str, ...]) -> None:
    if isinstance(name, str) and name not in nano_names():
        hint = did_you_mean(name, nano_names())
        raise LocatedError(f"the built-in suite has no model `{name}`", loc, hint)


Model = Annotated[ModelRef, BeforeValidator(model_form, json_schema_input_type=str | ModelRef)]
