"""T low-rank adapters over one base in memory, through PEFT (imported late: it takes a second)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn
from transformers import PreTrainedModel

from ensemble_core.errors import InputError
from ensemble_core.models.adapters import CONFIG_FILE, fitting, read_adapter_config

if TYPE_CHECKING:
    from peft import PeftModel
    from peft.tuners.tuners_utils import BaseTunerLayer


def adapter_name(index: int) -> str:
    """The name under which PEFT keeps the expert with this index (from 0)."""
    return f"expert_{index}"


def read_configs(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """The adapters' PEFT configurations as JSON values, without the base's place.

    Raises:
        InputError: A folder does not hold an adapter in safetensors.
    """
    return [_read_config(folder) for folder in folders]


def inject(base: PreTrainedModel, configs: Sequence[dict[str, Any]]) -> "PeftModel":
    """Add untrained adapters to the base, in place, one per configuration."""
    from peft import PeftConfig, PeftModel

    first, *others = (PeftConfig.from_peft_type(**config) for config in configs)
    wrapped = PeftModel(base, first, adapter_name=adapter_name(0))
    for index, config in enumerate(others, start=1):
        wrapped.add_adapter(adapter_name(index), config)
    return wrapped


def load(base: PreTrainedModel, folders: Sequence[Path]) -> None:
    """Add trained adapters to the base, in place.

    Raises:
        InputError: The base carries adapters already, or is not the one they were trained on.
    """
    from peft import PeftModel

    if tuner_layers(base):
        raise InputError(
            "the base already carries adapters",
            where="ensemble",
            hint="load the base model anew, without any",
        )
    with fitting(folders[0]):
        wrapped = PeftModel.from_pretrained(base, folders[0], adapter_name=adapter_name(0))
    for index, folder in enumerate(folders[1:], start=1):
        with fitting(folder):
            wrapped.load_adapter(folder, adapter_name(index))


def tuner_layers(base: nn.Module) -> "list[BaseTunerLayer]":
    """The layers of the base that carry adapters."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return [module for module in base.modules() if isinstance(module, BaseTunerLayer)]


def activate(layers: "Sequence[BaseTunerLayer]", index: int) -> None:
    """Let the base answer as the expert with this index (from 0).

    PEFT's `set_adapter` also walks every adapter's parameters to freeze or unfreeze them: 8 ms
    for 30 blocks and 4 adapters, at each token and expert. Nothing is trained here.
    """
    chosen = [adapter_name(index)]
    for layer in layers:
        layer._active_adapter = chosen  # pyright: ignore[reportPrivateUsage]


def _read_config(folder: Path) -> dict[str, Any]:
    config = read_adapter_config(folder)
    for name in ("modules_to_save", "trainable_token_indices"):
        if config.get(name):
            raise InputError(
                f"an adapter with {name} changes more than its own layers",
                where=str(folder / CONFIG_FILE),
                hint="train it without, or combine whole models",
            )
    return {**config, "inference_mode": True}
