"""The stage `evaluate`: one subject on one slice of questions."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from w2s_platform.stages.context import StageContext
from w2s_platform.stages.reliability import RELIABILITY, reliability_frame
from w2s_platform.stages.students import MEASUREMENTS
from w2s_platform.stages.subjects import has_model, load_pretrained, load_subject

if TYPE_CHECKING:
    from ensemble_core.evaluation import LongForm
    from ensemble_core.writing import Writer

QUESTIONS = "questions.parquet"


def run_evaluate(ctx: StageContext) -> None:
    """Measure a subject; keep every question's outcome, so that differences can be paired.

    A round after the end of boosting has no expert, so nothing is measured.
    """
    from ensemble_core.classification import evaluate_classes
    from ensemble_core.evaluation import evaluate

    subject = ctx.input("model")
    if not has_model(subject):
        ctx.write_json(MEASUREMENTS, [])
        return
    device = ctx.runtime.device
    model, tokenizer = load_subject(ctx.store, subject.key, device, ctx.settings.get("layers"))
    questions, metrics = ctx.questions("data"), ctx.settings["metrics"]
    if ctx.classify:
        result = evaluate_classes(model, tokenizer, questions, metrics=metrics, **ctx.shared)
    else:
        result = evaluate(
            model,
            tokenizer,
            questions,
            metrics=metrics,
            max_new_tokens=ctx.settings["max_new_tokens"],
            long_form=_long_form(ctx),
            write=_writer(ctx),
            **ctx.shared,
        )
    ctx.spent.add(result)
    ctx.write_json(MEASUREMENTS, [asdict(row) for row in result.rows])
    outcomes = result.frame()
    outcomes.to_parquet(ctx.out / QUESTIONS)
    if "ece" in metrics:  # a file that artifacts of earlier releases lack
        reliability_frame(outcomes).to_parquet(ctx.out / RELIABILITY)


def _long_form(ctx: StageContext) -> "LongForm":
    """What measures of long answers need, as far as the stage has such."""
    from ensemble_core.evaluation import LongForm
    from ensemble_core.judging import Judge
    from ensemble_core.steps import StepSettings

    steps, judge = ctx.settings.get("steps"), None
    if "judge" in ctx.stage.inputs:
        key, layers = ctx.stage.inputs["judge"], ctx.settings.get("judge_layers")
        judge = Judge(*load_pretrained(ctx.store, key, layers, ctx.runtime.device))
    return LongForm(
        StepSettings.model_validate(steps) if steps else None,
        judge,
        bool(ctx.settings.get("by_position")),
    )


def _writer(ctx: StageContext) -> "Writer":
    """Who writes the answers: the model itself, or each of its experts."""
    from ensemble_core.writing import write_sequences, write_tokens

    score = ctx.settings.get("sequence_score")
    return partial(write_sequences, score=score) if score else write_tokens
