"""The stages `labels`, `student` and `ceiling`: pseudo-labels, and who learns from answers."""

from typing import TYPE_CHECKING, Any, NamedTuple

from w2s_platform.stages.context import StageContext
from w2s_platform.stages.subjects import load_subject
from w2s_platform.stages.training import TrainJob, train_job

if TYPE_CHECKING:
    from ensemble_core.labels import PseudoLabels
    from ensemble_core.soft_targets import SoftTargets
    from ensemble_core.tasks.question import Question

LABELS, SOFT = "labels.parquet", "soft.safetensors"
MEASUREMENTS = "measurements.json"


class _Labels(NamedTuple):
    """What the strong model learns from; None for true answers."""

    answers: list[str] | None
    ended: list[bool] | None
    soft: "SoftTargets | None"


_TRUE = _Labels(None, None, None)


def run_labels(ctx: StageContext) -> None:
    """Let a model or an ensemble answer the transfer questions; their true answers stay hidden.

    The share of right labels is kept for reporting only: no later stage reads it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    questions = ctx.questions("transfer")
    written = _answers(ctx, questions)
    ctx.spent.add(written)
    if written.targets is not None:
        written.targets.save(ctx.out / SOFT)
    table = {"id": [q.id for q in questions], "answer": written.answers, "ended": written.ended}
    pq.write_table(pa.table(table), ctx.out / LABELS)
    right = [q.is_answered_by(answer) for q, answer in zip(questions, written.answers, strict=True)]
    cut = [not ended for ended in written.ended]
    ctx.write_json(MEASUREMENTS, [_share("accuracy", right), _share("truncated", cut)])


def _answers(ctx: StageContext, questions: "list[Question]") -> "PseudoLabels":
    from ensemble_core.choosing import choice_labels
    from ensemble_core.classification import class_labels
    from ensemble_core.labels import pseudo_labels

    model, tokenizer = load_subject(ctx.store, ctx.stage.inputs["model"], ctx.runtime.device)
    shared: dict[str, Any] = {**ctx.shared, "max_length": ctx.settings.get("max_length")}
    kind = ctx.settings["labels"]
    if ctx.classify:
        return class_labels(model, tokenizer, questions, soft=kind == "soft", **shared)
    if kind == "choice":
        return choice_labels(model, tokenizer, questions, **shared)
    return pseudo_labels(
        model,
        tokenizer,
        questions,
        max_new_tokens=ctx.settings["max_new_tokens"],
        soft=kind == "soft",
        **shared,
    )


def run_student(ctx: StageContext) -> None:
    """Fine-tune the strong model on pseudo-labels, or on true answers for the ceiling."""
    from ensemble_core.classification import class_names

    labels = _pseudo_labels(ctx) if "labels" in ctx.stage.inputs else _TRUE
    questions = ctx.questions("transfer")
    data = ctx.encode(questions, labels.answers, labels.ended)
    job = TrainJob(
        store_url=ctx.store_url,
        pretrained=ctx.stage.inputs["pretrained"],
        layers=ctx.settings.get("layers"),
        adapter=ctx.adapter,
        training=ctx.training,
        precision=ctx.settings["precision"],
        seed=ctx.settings["seed"],
        data=data,
        out=str(ctx.out),
        soft_targets=labels.soft,
        classes=len(class_names(questions)) if ctx.classify else None,
        loss=ctx.settings.get("loss", "cross_entropy"),
        confidence_weight=ctx.settings.get("confidence_weight", 0.0),
    )
    trained = train_job(job, ctx.runtime)
    ctx.spent.add(trained.log)
    ctx.write_json(
        "training.json", {"steps": trained.log.steps, "losses": list(trained.log.losses)}
    )


def _pseudo_labels(ctx: StageContext) -> _Labels:
    import pyarrow.parquet as pq

    from ensemble_core.soft_targets import SoftTargets

    labels = ctx.input("labels")
    table = pq.read_table(labels.path(LABELS))
    soft = SoftTargets.load(labels.path(SOFT)) if SOFT in labels.manifest.files else None
    return _Labels(table["answer"].to_pylist(), table["ended"].to_pylist(), soft)


def _share(metric: str, hits: list[bool]) -> dict[str, Any]:
    from ensemble_core.metrics import proportion_standard_error

    value, n = sum(hits) / len(hits), len(hits)
    stderr = proportion_standard_error(value, n)
    return {"metric": metric, "value": value, "stderr": stderr, "n": n}
