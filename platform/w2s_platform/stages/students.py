"""The stages `labels`, `student` and `ceiling`: pseudo-labels, and who learns from answers."""

from typing import TYPE_CHECKING, Any

from w2s_platform.stages.context import StageContext
from w2s_platform.stages.subjects import load_subject
from w2s_platform.stages.training import TrainJob, train_job

if TYPE_CHECKING:
    from ensemble_core.labels import PseudoLabels
    from ensemble_core.tasks.question import Question

LABELS, SOFT = "labels.parquet", "soft.safetensors"
MEASUREMENTS = "measurements.json"


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
    table = pa.table({"id": [q.id for q in questions], "answer": written.answers})
    pq.write_table(table, ctx.out / LABELS)
    ctx.write_json(MEASUREMENTS, _label_accuracy(questions, written.answers))


def _answers(ctx: StageContext, questions: "list[Question]") -> "PseudoLabels":
    from ensemble_core.choosing import choice_labels
    from ensemble_core.labels import pseudo_labels

    model, tokenizer = load_subject(ctx.store, ctx.stage.inputs["model"], ctx.runtime.device)
    shared: dict[str, Any] = {
        "batch_size": ctx.stage.hints["batch_size"],
        "max_length": ctx.settings.get("max_length"),
        "should_stop": ctx.runtime.should_stop,
    }
    if ctx.settings["labels"] == "choice":
        return choice_labels(model, tokenizer, questions, **shared)
    return pseudo_labels(
        model,
        tokenizer,
        questions,
        max_new_tokens=ctx.settings["max_new_tokens"],
        soft=ctx.settings["labels"] == "soft",
        **shared,
    )


def run_student(ctx: StageContext) -> None:
    """Fine-tune the strong model on pseudo-labels, or on true answers for the ceiling."""
    answers, soft = _pseudo_labels(ctx) if "labels" in ctx.stage.inputs else (None, None)
    data = ctx.encode(ctx.questions("transfer"), answers)
    job = TrainJob(
        store_url=ctx.store_url,
        pretrained=ctx.stage.inputs["pretrained"],
        layers=ctx.settings["layers"],
        adapter=ctx.adapter,
        training=ctx.training,
        precision=ctx.settings["precision"],
        seed=ctx.settings["seed"],
        data=data,
        out=str(ctx.out),
        soft_targets=soft,
    )
    trained = train_job(job, ctx.runtime)
    ctx.spent.add(trained.log)
    ctx.write_json(
        "training.json", {"steps": trained.log.steps, "losses": list(trained.log.losses)}
    )


def _pseudo_labels(ctx: StageContext) -> tuple[list[str], Any]:
    import pyarrow.parquet as pq

    from ensemble_core.soft_targets import SoftTargets

    labels = ctx.input("labels")
    answers: list[str] = pq.read_table(labels.path(LABELS))["answer"].to_pylist()
    soft = SoftTargets.load(labels.path(SOFT)) if SOFT in labels.manifest.files else None
    return answers, soft


def _label_accuracy(questions: "list[Question]", answers: list[str]) -> list[dict[str, Any]]:
    from ensemble_core.metrics import proportion_standard_error

    right = [
        question.is_answered_by(answer) for answer, question in zip(answers, questions, strict=True)
    ]
    value = sum(right) / len(right)
    return [
        {
            "metric": "accuracy",
            "value": value,
            "stderr": proportion_standard_error(value, len(right)),
            "n": len(right),
        }
    ]
