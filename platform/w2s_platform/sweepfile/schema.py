"""The JSON Schema of sweep files, generated from their models."""

from typing import Any

from w2s_platform.sweepfile.file import SweepFile
from w2s_platform.sweepfile.keys import all_keys, open_keys
from w2s_platform.sweepfile.tree import CASE

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema: draft 2020-12, with every key's description and the dotted keys by name.

    It is for editors. `load_sweep` also checks rules over several keys, and takes a required key
    from `vary`, which the schema leaves to it.
    """
    schema = SweepFile.model_json_schema(mode="validation")
    block = schema["$defs"]["VaryBlock"]["properties"]
    for name in ("grid", "zip"):
        block[name] = _named_by_keys(_without_null(block[name]))
    cases = block["cases"] = _without_null(block["cases"])
    cases["items"] = _named_by_keys(cases["items"], CASE)
    schema["properties"]["exclude"]["items"] = _named_by_keys(
        schema["properties"]["exclude"]["items"]
    )
    space = schema["$defs"]["SearchSettings"]["properties"]["space"]
    schema["$defs"]["SearchSettings"]["properties"]["space"] = _named_by_keys(space)
    names = {"anyOf": [{"enum": list(all_keys())}, *({"pattern": _below(k)} for k in open_keys())]}
    schema["$defs"]["DottedKey"] = {"description": "A key of the sweep's own tree.", **names}
    return {"$schema": _DIALECT, **schema, "title": "w2s sweep"}


def _named_by_keys(schema: dict[str, Any], *more: str) -> dict[str, Any]:
    keys: dict[str, Any] = {"$ref": "#/$defs/DottedKey"}
    if more:
        keys = {"anyOf": [{"enum": list(more)}, keys]}
    return {**schema, "propertyNames": keys}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A block's kinds are left out, never null."""
    (kept,) = [option for option in schema["anyOf"] if option.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**kept, **rest}


def _below(key: str) -> str:
    return "^" + key.replace(".", "\\.") + "\\.[^.]+$"
