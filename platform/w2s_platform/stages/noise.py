"""The stage `noise`: labelled questions, some of them with a wrong answer on purpose."""

from typing import TYPE_CHECKING, Any

from ensemble_core.settings import NoiseSettings
from w2s_platform.stages.context import StageContext
from w2s_platform.stages.sources import QUESTIONS

if TYPE_CHECKING:
    from ensemble_core.tasks.question import Question


def run_noise(ctx: StageContext) -> None:
    """Corrupt answers; which ones is kept beside the questions, for reporting only."""
    import pyarrow.parquet as pq

    from ensemble_core.noise import corrupt
    from ensemble_core.tasks.table import questions_to_table

    settings = NoiseSettings(rate=ctx.settings["rate"], kind=ctx.settings["kind"])
    clean = ctx.questions("data")
    liked = _preferences(ctx, clean) if settings.kind == "adversarial" else None
    noisy = corrupt(clean, settings, seed=ctx.settings["seed"], preferences=liked)
    pq.write_table(questions_to_table(noisy), ctx.out / QUESTIONS)
    changed = [q.id for q, before in zip(noisy, clean, strict=True) if q.answer != before.answer]
    ctx.write_json("corrupted.json", changed)


def _preferences(ctx: StageContext, questions: "list[Question]") -> list[Any]:
    """The pretrained weak model's log-likelihoods of each question's choices."""
    from ensemble_core.candidates import score_candidates
    from ensemble_core.models.context import context_length
    from w2s_platform.stages.subjects import load_subject

    key, layers = ctx.stage.inputs["pretrained"], ctx.settings.get("layers")
    model, tokenizer = load_subject(ctx.store, key, ctx.runtime.device, layers)
    scored = score_candidates(
        model,
        tokenizer,
        questions,
        choices=True,
        max_length=context_length(model.config),
        **ctx.shared,
    )
    return [scored.log_likelihoods(index) for index in range(len(questions))]
