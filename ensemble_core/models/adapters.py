"""Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) through PEFT."""

import json
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ensemble_core.errors import InputError
from ensemble_core.settings import LoraSettings

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"


def add_lora(model: Any, settings: LoraSettings, *, seed: int) -> Any:
    """Put untrained adapters into the model, in place, and freeze everything else.

    Args:
        model: A causal LM.
        settings: Rank, scale, dropout and the adapted layers.
        seed: Decides the adapters' first weights.

    Returns:
        PEFT's wrapper around the model.

    Raises:
        InputError: The model has no layer with the names that `targets` asks for.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    targets = settings.targets
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # pyright: ignore[reportArgumentType]  # a float works
        lora_dropout=settings.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
        fan_in_fan_out=_is_transposed(model),
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of PEFT's use of transformers
        torch.manual_seed(seed)
        try:
            return get_peft_model(model, config)
        except ValueError as error:
            raise InputError(
                f"adapters can't be added: {error}",
                where="adapter.targets",
                hint="name linear layers of this architecture, or all-linear",
            ) from error


def save_adapter(model: Any, folder: Path) -> None:
    """Write the adapter's weights (safetensors) and configuration, and nothing of the base."""
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / CONFIG_FILE
    config = _tidy(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_adapter(model: Any, folder: Path, *, trainable: bool = False) -> Any:
    """Put a saved adapter into the model it was trained on, in place.

    Returns:
        PEFT's wrapper around the model.

    Raises:
        InputError: The folder holds no adapter, or one for another architecture.
    """
    from peft import PeftModel

    read_adapter_config(folder)
    with fitting(folder):
        return PeftModel.from_pretrained(model, folder, is_trainable=trainable).eval()


def read_adapter_config(folder: Path) -> dict[str, Any]:
    """An adapter's PEFT configuration as JSON values, without the base's place.

    Raises:
        InputError: The folder does not hold an adapter in safetensors.
    """
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise InputError(
                f"an adapter needs {name}",
                where=str(folder),
                hint="save it with PEFT's save_pretrained (safe_serialization is its default)",
            )
    return _tidy(json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")))


@contextmanager
def fitting(folder: Path) -> Generator[None]:
    """Say plainly that the adapter in this folder belongs to another model.

    Raises:
        InputError: Its weights don't fit.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of PEFT's use of transformers
            yield
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"the adapter does not fit the model: {str(error).splitlines()[0]}", where=str(folder)
        ) from error


def merge_adapter(model: Any) -> Any:
    """The plain model with the adapter's update added to its weights, in place."""
    return model.merge_and_unload()


def _tidy(config: dict[str, Any]) -> dict[str, Any]:
    """The same on every machine: no place of the base, and names in order."""
    if isinstance(config.get("target_modules"), list):
        config["target_modules"].sort()  # PEFT writes a set, in no particular order
    return {**config, "base_model_name_or_path": None}


def _is_transposed(model: Any) -> bool:
    """Whether linear layers keep their weight as [in, out], as GPT-2's do."""
    from transformers.pytorch_utils import Conv1D

    return any(isinstance(module, Conv1D) for module in model.modules())
