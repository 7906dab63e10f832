"""One training function: fine-tune a causal LM on answer tokens, weighted or not."""

import math
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ensemble_core.batching import Batch, answer_logits, collate
from ensemble_core.costs import training_flops
from ensemble_core.encoding import TokenDataset
from ensemble_core.errors import CancelledError, DivergedError, StageError
from ensemble_core.losses import Loss, Targets, find_loss
from ensemble_core.optimizing import Gradients, make_optimizer, rate_factor, trainable
from ensemble_core.precision import autocast
from ensemble_core.sampling import batches, bootstrap, n_steps, share
from ensemble_core.settings import Precision, TrainingSettings
from ensemble_core.soft_targets import SoftTargets
from ensemble_core.workers import SINGLE, Workers

__all__ = ["SoftTargets", "StepReport", "TrainingLog", "train"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class StepReport:
    """What one optimizer step did."""

    step: int
    """From 1."""
    steps: int
    loss: float
    learning_rate: float
    gradient_norm: float
    """Before clipping."""


@dataclass(frozen=True)
class TrainingLog:
    """What a training did and cost, over all workers."""

    losses: list[float]
    """Weighted mean loss per answer token in nats, one per step."""
    steps: int
    tokens: int
    """Tokens read."""
    flops: float
    """Estimate, see `costs.training_flops`."""
    seconds: float
    drawn: Ints
    """How often each example is in the training set: 0 is out of bag, 1 without resampling."""


@dataclass(frozen=True)
class _Objective:
    """What is minimised: Σ wᵢ·lossᵢ over a batch's answer tokens, over their number."""

    data: TokenDataset
    loss: Loss
    weights: Tensor | None
    soft: tuple[Tensor, Tensor] | None
    device: torch.device
    precision: Precision

    def total(self, model: Any, batch: Batch, progress: float) -> Tensor:
        """Σ wᵢ·lossᵢ."""
        with autocast(self.precision, self.device):
            logits = answer_logits(model, batch)
        losses = self.loss(logits, self._targets(batch, progress))
        return losses.sum() if self.weights is None else losses @ self.weights[batch.token_index]

    def _targets(self, batch: Batch, progress: float) -> Targets:
        if self.soft is None:
            return Targets(batch.targets, progress=progress)
        indices, log_probs = (column[batch.token_index] for column in self.soft)
        return Targets(batch.targets, indices, log_probs, progress)


def train(
    model: Any,
    data: TokenDataset,
    settings: TrainingSettings,
    *,
    seed: int,
    token_weights: Floats | None = None,
    example_probabilities: Floats | None = None,
    soft_targets: SoftTargets | None = None,
    loss: str = "cross_entropy",
    confidence_weight: float = 0.5,
    workers: Workers = SINGLE,
    device: str | None = None,
    precision: Precision = "fp32",
    on_step: Callable[[StepReport], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainingLog:
    """Fine-tune the model's trainable parameters in place.

    A step's loss is Σ wᵢ·lossᵢ / n over the n answer tokens of the global batch, with the weights
    scaled to mean 1 over the data set. On a CPU the same seed, data, settings and thread count
    give the same bits (a GPU may add in another order); workers change the result by rounding
    only, by dropout, if the model has any, and by the threshold of the loss `confidence`.

    Args:
        model: A causal LM with float32 trainable parameters.
        data: The examples; N answer tokens in n examples.
        settings: How to train. `max_length` and `precision` are settled before: the examples are
            encoded, and `precision` is an argument.
        seed: Decides order, draw and dropout.
        token_weights: Weight of each answer token, not negative, on any scale, shape [N].
        example_probabilities: Draw the training set, see `sampling.bootstrap`, shape [n].
        soft_targets: Distributions to match instead of the answer tokens, N rows.
        loss: A name in `losses.LOSSES`.
        confidence_weight: a_max of the loss `confidence`, in [0, 1].
        workers: Who trains together; each calls this function with the same arguments.
        device: Where to train; default: where the model is.
        precision: bf16 is autocast over float32 parameters.
        on_step: Called after every step, on every worker.
        should_stop: Asked before every step, on every worker; one yes stops all.

    Raises:
        DivergedError: Loss or gradient is not finite; names the step.
        CancelledError: `should_stop` said so.
        StageError: Nothing to train, or not in float32; or soft targets of other tokens.
        InputError: No loss has this name, or the confidence weight is out of range.
        ValueError: Weights or probabilities do not fit the data.
    """
    started = time.perf_counter()
    where = torch.device(device or model.device)
    model.to(where)
    workers.prepare(model)
    objective = _Objective(
        data=data,
        loss=find_loss(loss, confidence_weight),
        weights=_scaled(token_weights, data, where),
        soft=_soft_tensors(soft_targets, data, where),
        device=where,
        precision=precision,
    )
    rng = np.random.default_rng(seed)
    pool = _draw(example_probabilities, data, rng)
    log = _Log(n_steps(len(pool), settings.epochs, settings.batch_size), on_step)
    with _training_mode(model, where, seed + workers.rank):
        stepper = _Stepper(model, objective, settings, workers, log.steps)
        order = batches(pool, epochs=settings.epochs, batch_size=settings.batch_size, rng=rng)
        for step, rows in enumerate(order):
            log.add(stepper.step(step, rows, should_stop), _n_read(data, rows))
    return TrainingLog(
        losses=log.losses,
        steps=log.steps,
        tokens=log.tokens,
        flops=training_flops(model, log.tokens),
        seconds=time.perf_counter() - started,
        drawn=np.bincount(pool, minlength=len(data)),
    )


class _Stepper:
    """Optimizer state and one step of it."""

    def __init__(
        self,
        model: Any,
        objective: _Objective,
        settings: TrainingSettings,
        workers: Workers,
        steps: int,
    ) -> None:
        self.model, self.objective, self.settings = model, objective, settings
        self.workers, self.steps = workers, steps
        self.gradients = Gradients(trainable(model))
        self.optimizer = make_optimizer(model, settings)

    def step(self, step: int, rows: Ints, should_stop: Callable[[], bool] | None) -> StepReport:
        """Train on one global batch of examples [B]; `step` counts from 0."""
        gradients = self.gradients
        gradients.flat.zero_()
        if should_stop is not None and should_stop():
            gradients.stop.fill_(1.0)
        else:
            self._accumulate(rows, progress=step / self.steps)
        self.workers.all_reduce_sum(gradients.flat)
        loss, stopped = gradients.flat[:2].tolist()
        where = f"step {step + 1} of {self.steps}"
        if stopped:
            raise CancelledError("training was stopped", where=where)
        norm = gradients.clip(self.settings.clip)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise DivergedError(
                f"training diverged: loss {loss}, gradient norm {norm}",
                where=where,
                hint="lower the learning rate, lengthen the warm-up, or clip harder",
            )
        rate = self.settings.learning_rate * rate_factor(step, self.steps, self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return StepReport(step + 1, self.steps, loss, rate, norm)

    def _accumulate(self, rows: Ints, progress: float) -> None:
        """Add this worker's share of loss and gradient to the buffer."""
        objective = self.objective
        n_tokens = int(objective.data.answer_lengths[rows].sum())
        mine = share(rows, self.workers.rank, self.workers.size)
        at_once = self.settings.micro_batch_size or max(1, len(mine))
        for start in range(0, len(mine), at_once):
            part = mine[start : start + at_once]
            batch = collate(objective.data, part, device=objective.device)
            loss = objective.total(self.model, batch, progress) / n_tokens
            loss.backward()
            self.gradients.loss.add_(loss.detach())


class _Log:
    """Counts what the steps report."""

    def __init__(self, steps: int, on_step: Callable[[StepReport], None] | None) -> None:
        self.steps, self.on_step = steps, on_step
        self.losses: list[float] = []
        self.tokens = 0

    def add(self, report: StepReport, tokens: int) -> None:
        self.losses.append(report.loss)
        self.tokens += tokens
        if self.on_step is not None:
            self.on_step(report)


@contextmanager
def _training_mode(model: Any, device: torch.device, seed: int) -> Generator[None]:
    """Training mode under a seed; mode, gradients and the caller's random state are put back."""
    was_training = model.training
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        model.train()
        try:
            yield
        finally:
            model.train(was_training)
            for parameter in model.parameters():
                parameter.grad = None


def _scaled(weights: Floats | None, data: TokenDataset, device: torch.device) -> Tensor | None:
    if weights is None:
        return None
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (data.n_answer_tokens,):
        raise ValueError(f"{data.n_answer_tokens} answer tokens, weights {array.shape}")
    if not np.isfinite(array).all() or (array < 0).any() or array.sum() <= 0:
        raise ValueError("token weights must be finite, not negative, and not all 0")
    return torch.from_numpy(array / array.mean()).to(device, torch.float32)


def _soft_tensors(
    soft: SoftTargets | None, data: TokenDataset, device: torch.device
) -> tuple[Tensor, Tensor] | None:
    if soft is None:
        return None
    if not np.array_equal(soft.tokens, data.answer_tokens):
        raise StageError(
            "the soft labels belong to other tokens than the model would be trained on",
            hint="soft labels need a teacher and a student with the same tokenizer",
        )
    return torch.from_numpy(soft.indices).to(device), torch.from_numpy(soft.log_probs).to(device)


def _draw(probabilities: Floats | None, data: TokenDataset, rng: np.random.Generator) -> Ints:
    if probabilities is None:
        return np.arange(len(data))
    if len(probabilities) != len(data):
        raise ValueError(f"{len(data)} examples, {len(probabilities)} probabilities")
    return bootstrap(probabilities, rng)


def _n_read(data: TokenDataset, rows: Ints) -> int:
    return int(data.lengths[rows].sum()) - len(rows)
