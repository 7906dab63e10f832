"""The stage `evaluate`: one subject on one slice of questions."""

from dataclasses import asdict

from w2s_platform.stages.context import StageContext
from w2s_platform.stages.students import MEASUREMENTS
from w2s_platform.stages.subjects import has_model, load_subject

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
            **ctx.shared,
        )
    ctx.spent.add(result)
    ctx.write_json(MEASUREMENTS, [asdict(row) for row in result.rows])
    result.frame().to_parquet(ctx.out / QUESTIONS)
