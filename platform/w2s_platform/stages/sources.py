"""The stages `data` and `pretrain`: where questions and pretrained models come from."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_core.errors import StageError
from ensemble_core.settings import ModelRef
from w2s_platform.stages.context import StageContext, read_questions
from w2s_platform.stages.subjects import SOURCE
from w2s_platform.stages.training import MODEL

if TYPE_CHECKING:
    from ensemble_core.tasks.card import TaskCard

QUESTIONS, LOSSES = "questions.parquet", "difficulty.parquet"
TRAINED_ON = ("labelled", "transfer")


def run_data(ctx: StageContext) -> None:
    """Draw one role's questions, leaving out those that earlier roles of the cell hold."""
    import pyarrow.parquet as pq

    from ensemble_core.tasks.roles import draw
    from ensemble_core.tasks.slices import SliceSpec
    from ensemble_core.tasks.table import questions_to_table

    spec = SliceSpec.model_validate(ctx.settings["slice"])
    card, root = planned_card(ctx, spec.split)
    held = {q.id for other in ctx.inputs("exclude") for q in read_questions(other)}
    role, seed = ctx.settings["role"], ctx.settings["seed"]
    questions = draw(spec, card, role, seed=seed, exclude=held, data_root=root, losses=_losses(ctx))
    if role not in TRAINED_ON:  # where the order says nothing, equal draws become equal files
        questions.sort(key=lambda question: question.id)
    pq.write_table(questions_to_table(questions), ctx.out / QUESTIONS)


def planned_card(ctx: StageContext, split: str | None) -> "tuple[TaskCard, Path | None]":
    """The stage's card, and where its files lie here.

    Raises:
        StageError: They are not those that the key was made of.
    """
    from ensemble_core.tasks.card import TaskCard

    card = TaskCard.model_validate(ctx.stage.hints["card"])
    root = Path(ctx.runtime.data_root) if ctx.runtime.data_root else None
    here, planned = card.fingerprint(root, split), ctx.settings["card"]
    if {name: here.get(name) for name in planned} != planned:
        raise StageError(
            f"the data of `{card.task}` here is not what the sweep was planned with",
            where=ctx.stage.label,
            hint="give every node the same files and data root, and run again",
        )
    return card, root


def _losses(ctx: StageContext) -> dict[str, float] | None:
    """The model's loss on each question of the split, where the slice selects by that."""
    import pyarrow.parquet as pq

    if "difficulty" not in ctx.stage.inputs:
        return None
    table = pq.read_table(ctx.input("difficulty").path(LOSSES))
    return dict(zip(table["id"].to_pylist(), table["nll"].to_pylist(), strict=True))


def run_pretrain(ctx: StageContext) -> None:
    """Make a pretrained model ready: train a nano model, import a file, or pin a hub commit."""
    ref = ModelRef.model_validate(ctx.stage.hints["model"])
    if ref.hub is not None:
        ctx.write_json(SOURCE, _pinned(ref))
        return
    model, tokenizer = _pretrain_nano(ctx, ref.nano) if ref.nano else _import(ctx, ref)
    model.save_pretrained(ctx.out / MODEL)
    tokenizer.save_pretrained(ctx.out / MODEL)
    ctx.write_json(SOURCE, {"nano": ref.nano} if ref.nano else {"path": MODEL})


def _pretrain_nano(ctx: StageContext, size: str) -> tuple[Any, Any]:
    from ensemble_core.nano.pretrain import pretrain
    from ensemble_core.nano.tokenizer import build_tokenizer

    def report(step: int, steps: int, loss: float) -> None:
        ctx.runtime.on_progress({"step": step, "steps": steps, "loss": loss})

    model = pretrain(size, seed=ctx.settings["seed"], on_step=report)
    return model, build_tokenizer()


def _import(ctx: StageContext, ref: ModelRef) -> tuple[Any, Any]:
    from ensemble_core.models.load import load_model

    return load_model(ref, device=ctx.runtime.device)


def _pinned(ref: ModelRef) -> dict[str, Any]:
    """The hub reference at the commit that its branch names now."""
    from ensemble_core.models.hub import find_commit

    commit = find_commit(ref.hub or "", ref.revision)
    return ref.model_copy(update={"revision": commit, "layers": None}).model_dump()
