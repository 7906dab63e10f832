"""Names that a sweep file may use short: models and adapters."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from ensemble_core.documents import LocatedError, did_you_mean
from ensemble_core.models.names import Model, nano_names
from ensemble_core.settings import LoraSettings

__all__ = ["Adapter", "Model", "adapter_form", "nano_names"]


def adapter_form(value: Any) -> Any:
    """An adapter as `full` or a mapping: `lora` is short for its defaults.

    Raises:
        LocatedError: It is neither.
    """
    if value == "lora":
        return LoraSettings()
    if value == "full" or isinstance(value, (Mapping, LoraSettings)):
        return value
    hint = did_you_mean(str(value), ("full", "lora")) + "; or a mapping such as {rank: 8}"
    raise LocatedError("expected full, lora or a mapping", hint=hint)


Adapter = Annotated[
    Literal["full"] | LoraSettings,
    BeforeValidator(adapter_form, json_schema_input_type=Literal["full", "lora"] | LoraSettings),
]
