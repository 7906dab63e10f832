"""One fine-tuning inside a stage: the same function for one worker and for many."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_core.settings import LoraSettings, LossName, Precision, TrainingSettings
from w2s_platform.stages.runtime import Runtime

if TYPE_CHECKING:
    import numpy as np

    from ensemble_core.encoding import TokenDataset
    from ensemble_core.training import SoftTargets, TrainingLog
    from ensemble_core.workers import Workers

MODEL, ADAPTER, TRAINED = "model", "adapter", "trained.json"


@dataclass(frozen=True)
class TrainJob:
    """Everything one training needs, small enough to be sent to a worker."""

    store_url: str
    pretrained: str
    """Key of the `pretrain` stage."""
    layers: int | None
    adapter: LoraSettings | None
    """None trains every weight."""
    training: TrainingSettings
    precision: Precision
    seed: int
    data: "TokenDataset"
    out: str
    """Directory that gets the trained weights."""
    token_weights: "np.ndarray | None" = None
    example_probabilities: "np.ndarray | None" = None
    soft_targets: "SoftTargets | None" = None
    scored: "TokenDataset | None" = None
    """Examples of which to find the answer tokens that the trained model gets wrong."""
    score_pretrained: bool = False
    """The same for the model before its training."""
    classes: int | None = None
    """K: train a class head in place of the vocabulary's; None for a language model."""
    loss: LossName = "cross_entropy"
    confidence_weight: float = 0.5


@dataclass(frozen=True)
class Trained:
    """How a training went; its weights are where the job wanted them."""

    log: "TrainingLog"
    misses: "np.ndarray | None" = None
    """Whether the trained model gets each scored answer token wrong; None where not asked for."""
    pretrained_misses: "np.ndarray | None" = None


def train_job(job: TrainJob, runtime: Runtime) -> Trained:
    """Train, on several workers where the runtime spreads it, and write the weights.

    Raises:
        DivergedError: The loss is not finite.
        CancelledError: The runtime asked to stop.
    """
    if runtime.launch is not None:
        return runtime.launch(job, runtime)
    from ensemble_core.workers import SINGLE

    return run_training(job, SINGLE, runtime)


def run_training(job: TrainJob, workers: "Workers", runtime: Runtime) -> Trained:
    """Train as one of `workers`; the first of them measures, and writes weights to `job.out`."""
    from w2s_platform.stages.subjects import load_pretrained
    from w2s_platform.store import open_store

    store, first = open_store(job.store_url), workers.rank == 0
    model, _ = load_pretrained(store, job.pretrained, job.layers, runtime.device)
    before = _misses(model, job.scored) if first and job.score_pretrained else None
    model = _trainable(model, job)
    log = _train(model, job, workers, runtime)
    if not first:
        return Trained(log)
    _save(model, job)
    return Trained(log, _misses(model, job.scored), before)


def _trainable(model: Any, job: TrainJob) -> Any:
    """The model with its class head and its adapters, where the job wants them."""
    from ensemble_core.models.adapters import add_lora
    from ensemble_core.models.class_head import add_class_head, add_class_lora

    if job.classes is not None:
        model = add_class_head(model, job.classes, job.seed)
    if job.adapter is None:
        return model
    add = add_lora if job.classes is None else add_class_lora
    return add(model, job.adapter, seed=job.seed)


def _train(model: Any, job: TrainJob, workers: "Workers", runtime: Runtime) -> "TrainingLog":
    from ensemble_core.training import train

    return train(
        model,
        job.data,
        job.training,
        seed=job.seed,
        token_weights=job.token_weights,
        example_probabilities=job.example_probabilities,
        soft_targets=job.soft_targets,
        loss=job.loss,
        confidence_weight=job.confidence_weight,
        workers=workers,
        device=runtime.device,
        precision=job.precision,
        on_step=lambda step: runtime.on_progress(
            {"step": step.step, "steps": step.steps, "loss": step.loss}
        ),
        should_stop=runtime.should_stop,
    )


def _misses(model: Any, scored: "TokenDataset | None") -> "np.ndarray | None":
    from ensemble_core.scoring import token_errors

    return None if scored is None else token_errors(model, scored)


def _save(model: Any, job: TrainJob) -> None:
    from ensemble_core.models import class_head
    from ensemble_core.models.adapters import save_adapter

    out, classifies = Path(job.out), job.classes is not None
    if job.adapter is not None:
        (class_head.save_class_adapter if classifies else save_adapter)(model, out / ADAPTER)
    elif classifies:
        class_head.save_class_model(model, out / MODEL)
    else:
        model.save_pretrained(out / MODEL)
    described = {
        "pretrained": job.pretrained,
        "layers": job.layers,
        "adapter": job.adapter.model_dump(mode="json") if job.adapter else None,
        "classes": job.classes,
    }
    (out / TRAINED).write_text(json.dumps(described))
