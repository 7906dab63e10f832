"""The stage `difficulty`: the loss on each question of a split of a model trained on the others."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from w2s_platform.stages.context import StageContext
from w2s_platform.stages.sources import LOSSES, planned_card
from w2s_platform.stages.training import MODEL, TrainJob, train_job

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ensemble_core.encoding import TokenDataset
    from w2s_platform.stages.runtime import Runtime


def run_difficulty(ctx: StageContext) -> None:
    """Fine-tune the model once for each fold, on the other folds, and score the fold with it.

    Writes one row per question: its id, and the mean loss over its answer tokens in nats.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from ensemble_core.tasks.difficulty import folds_of
    from ensemble_core.tasks.questions import load_questions

    card, root = planned_card(ctx, ctx.settings["split"])
    questions = load_questions(card, ctx.settings["split"], data_root=root)
    ids = [question.id for question in questions]
    folds = np.array(folds_of(ids, ctx.settings["folds"], where=ctx.stage.label))
    data, nll = ctx.encode(questions), np.empty(len(questions))
    used = np.unique(folds)  # of few questions, a fold may get none
    for number, fold in enumerate(used):
        runtime = _reporting(ctx.runtime, number, len(used))
        nll[folds == fold] = _losses(ctx, data, folds == fold, runtime)
    pq.write_table(pa.table({"id": ids, "nll": nll}), ctx.out / LOSSES)


def _losses(
    ctx: StageContext, data: "TokenDataset", held_out: "NDArray[np.bool_]", runtime: "Runtime"
) -> "NDArray[np.float64]":
    """The mean loss on each of the questions held out, of a model trained on the others."""
    from ensemble_core.costs import inference_flops
    from ensemble_core.scoring import score_tokens, tokens_read

    model = _trained(ctx, _part(data, ~held_out), runtime)
    scored = _part(data, held_out)
    log_probs = score_tokens(model, scored, should_stop=runtime.should_stop).log_probs
    ctx.spent.tokens += tokens_read(scored)
    ctx.spent.flops += inference_flops(model, tokens_read(scored))
    return -np.bincount(scored.example, weights=log_probs) / scored.answer_lengths


def _trained(ctx: StageContext, data: "TokenDataset", runtime: "Runtime") -> Any:
    """The model, fine-tuned; its weights are thrown away once it is loaded."""
    from ensemble_core.models.load import load_model
    from ensemble_core.settings import ModelRef
    from w2s_platform.stages.subjects import load_tokenizer

    pretrained = ctx.stage.inputs["pretrained"]
    with TemporaryDirectory(dir=ctx.out) as folder:
        job = TrainJob(
            store_url=ctx.store_url,
            pretrained=pretrained,
            layers=ctx.settings.get("layers"),
            adapter=None,
            training=ctx.training,
            precision=ctx.settings["precision"],
            seed=ctx.settings["seed"],
            data=data,
            out=folder,
        )
        ctx.spent.add(train_job(job, runtime).log)
        tokenizer, _ = load_tokenizer(ctx.store, pretrained)
        ref = ModelRef(path=str(Path(folder) / MODEL))
        return load_model(ref, tokenizer=tokenizer, device=runtime.device)[0]


def _part(data: "TokenDataset", wanted: "NDArray[np.bool_]") -> "TokenDataset":
    from ensemble_core.encoding import TokenDataset

    return TokenDataset([data.examples[index] for index in np.flatnonzero(wanted)])


def _reporting(runtime: "Runtime", number: int, of: int) -> "Runtime":
    """The runtime for one of several trainings, which reports the progress of all."""

    def report(progress: Mapping[str, Any]) -> None:
        steps = progress["steps"]
        done = {"step": number * steps + progress["step"], "steps": of * steps}
        runtime.on_progress({**progress, **done})

    return replace(runtime, on_progress=report)
