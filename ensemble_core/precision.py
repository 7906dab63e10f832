"""Numeric precision: which one a device computes in, and the context that switches it on."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from ensemble_core.errors import InputError
from ensemble_core.settings import Precision


def resolve_precision(wanted: Literal["auto", "fp32", "bf16"], device: str) -> Precision:
    """The precision that training uses on a device: `auto` is bf16 on a GPU that has it.

    Raises:
        InputError: bf16 is asked for, and the device has none.
    """
    if wanted == "auto":
        return "bf16" if torch.device(device).type != "cpu" and has_bf16(device) else "fp32"
    if wanted == "bf16" and not has_bf16(device):
        raise InputError(
            "this device has no bfloat16", where=f"device {device}", hint="set precision: fp32"
        )
    return wanted


def has_bf16(device: str) -> bool:
    """Whether the device computes in bfloat16 (CPUs do, in software where they must)."""
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(False)
    return kind == "cpu"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """The context for forward passes; in fp32 it does nothing."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
