"""One fine-tuning inside a stage: the same function for one worker and for many."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_core.settings import LoraSettings, Precision, TrainingSettings
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


@dataclass(frozen=True)
class Trained:
    """A fine-tuned model and how its training went."""

    model: Any
    tokenizer: Any
    log: "TrainingLog"


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
    """Train as one of `workers`; the first of them writes the weights to `job.out`."""
    from ensemble_core.models.adapters import add_lora
    from ensemble_core.training import train
    from w2s_platform.stages.subjects import load_pretrained
    from w2s_platform.store import open_store

    store = open_store(job.store_url)
    model, tokenizer = load_pretrained(store, job.pretrained, job.layers, runtime.device)
    if job.adapter is not None:
        model = add_lora(model, job.adapter, seed=job.seed)
    log = train(
        model,
        job.data,
        job.training,
        seed=job.seed,
        token_weights=job.token_weights,
        example_probabilities=job.example_probabilities,
        soft_targets=job.soft_targets,
        workers=workers,
        device=runtime.device,
        precision=job.precision,
        on_step=lambda step: runtime.on_progress(
            {"step": step.step, "steps": step.steps, "loss": step.loss}
        ),
        should_stop=runtime.should_stop,
    )
    if workers.rank == 0:
        _save(model, job)
    return Trained(model, tokenizer, log)


def load_trained(job: TrainJob, log: "TrainingLog", device: str) -> Trained:
    """Read back what the workers of a multi-worker training wrote."""
    from w2s_platform.stages.subjects import load_weights
    from w2s_platform.store import open_store

    out = Path(job.out)
    trained = json.loads((out / TRAINED).read_text())
    model, tokenizer = load_weights(open_store(job.store_url), trained, out, device)
    return Trained(model, tokenizer, log)


def _save(model: Any, job: TrainJob) -> None:
    from ensemble_core.models.adapters import save_adapter

    out = Path(job.out)
    if job.adapter is not None:
        save_adapter(model, out / ADAPTER)
    else:
        model.save_pretrained(out / MODEL)
    described = {
        "pretrained": job.pretrained,
        "layers": job.layers,
        "adapter": job.adapter.model_dump(mode="json") if job.adapter else None,
    }
    (out / TRAINED).write_text(json.dumps(described))
