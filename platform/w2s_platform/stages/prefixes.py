"""The stage `prefixes`: the first t experts of an ensemble for every t, in one pass."""

from dataclasses import asdict
from typing import Any

from w2s_platform.stages.context import StageContext
from w2s_platform.stages.students import MEASUREMENTS
from w2s_platform.stages.subjects import load_subject


def run_prefixes(ctx: StageContext) -> None:
    """Measure `ensemble_1` … `ensemble_T`, and how the experts differ.

    Where fewer than T experts were accepted, all of them stand for the larger counts too, as they
    do where a sweep asks for a count.
    """
    from ensemble_core.staged_evaluation import evaluate_class_prefixes, evaluate_prefixes

    model, tokenizer = load_subject(ctx.store, ctx.stage.inputs["model"], ctx.runtime.device)
    questions, metrics = ctx.questions("data"), ctx.settings["metrics"]
    stage = evaluate_class_prefixes if ctx.classify else evaluate_prefixes
    result = stage(model, tokenizer, questions, metrics=metrics, **ctx.shared)
    ctx.spent.add(result)
    found = result.prefixes
    found += [found[-1]] * (ctx.settings["count"] - len(found))
    rows: list[dict[str, Any]] = [asdict(row) for row in result.diversity]
    for number, measured in enumerate(found, 1):
        rows += [{"subject": f"ensemble_{number}", **asdict(row)} for row in measured]
    ctx.write_json(MEASUREMENTS, rows)
