"""Optimizer, learning-rate schedule, and one flat buffer for all gradients."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from ensemble_core.errors import StageError
from ensemble_core.settings import TrainingSettings


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019); vectors (biases, norms) do not decay."""
    trained = trainable(model)
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    present = [group for group in groups if group["params"]]
    return torch.optim.AdamW(present, lr=settings.learning_rate, betas=(0.9, 0.999), fused=True)


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that training changes."""
    return [p for p in model.parameters() if p.requires_grad]


def rate_factor(step: int, steps: int, settings: TrainingSettings) -> float:
    """The learning rate of a step, as a share of the peak, in (0, 1].

    It rises linearly over the first W = round(warmup · steps) steps, reaching the peak at the
    W-th, then falls to 0, which the step after the last would have.

    Args:
        step: From 0.
        steps: All steps of the training.
        settings: Gives warm-up and schedule.
    """
    rising = round(settings.warmup * steps)
    if step < rising:
        return (step + 1) / rising
    passed = (step - rising) / max(1, steps - rising)
    if settings.schedule == "linear":
        return 1.0 - passed
    if settings.schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * passed))
    return 1.0


class Gradients:
    """All gradients in one buffer, so that zeroing, summing and clipping are one operation each.

    The buffer begins with a step's scalars (loss, stop), so that one sum over workers does for
    everything.

    Raises:
        StageError: Nothing is trained, or a trained parameter is not float32.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        if not parameters or any(p.dtype != torch.float32 for p in parameters):
            raise StageError(
                "training needs float32 parameters",
                where="model",
                hint="load the model with dtype float32; `precision: bf16` is autocast over it",
            )
        sizes = [p.numel() for p in parameters]
        self.flat = torch.zeros(2 + sum(sizes), device=parameters[0].device)
        self.loss, self.stop, self.values = self.flat[0], self.flat[1], self.flat[2:]
        for parameter, piece in zip(parameters, self.values.split(sizes), strict=True):
            parameter.grad = piece.view_as(parameter)

    def clip(self, largest: float | None) -> float:
        """Scale the gradients down to the largest norm; returns the norm before."""
        norm = float(self.values.norm())
        if largest is not None and norm > largest:
            self.values.mul_(largest / norm)
        return norm
