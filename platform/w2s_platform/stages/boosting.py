"""The stages `round` and `bag`: one expert each."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble_core.settings import BoostSettings
from w2s_platform.stages.context import StageContext, read_json
from w2s_platform.stages.training import Trained, TrainJob, train_job

if TYPE_CHECKING:
    from ensemble_core.encoding import TokenDataset
    from ensemble_core.rounds import BoostState, RoundOutcome
    from w2s_platform.store import Artifact

ROUND, TOKENS = "round.json", "tokens.parquet"


def run_round(ctx: StageContext) -> None:
    """Train one boosting round's expert and record which answer tokens it gets wrong.

    A round after the end of boosting trains nothing and says so.
    """
    _check_tokens(ctx)
    data, scored = _labelled(ctx)
    state = _state_before(ctx, scored)
    if state is None or state.ended:
        ctx.write_json(ROUND, {"round": ctx.settings["round"], "ended": True})
        return
    trained = train_job(_round_job(ctx, data, scored, state), ctx.runtime)
    ctx.spent.add(trained.log)
    _write_tokens(ctx, data, scored, state, trained)
    described = {"round": ctx.settings["round"], "ended": False, "state": state.scalars()}
    ctx.write_json(ROUND, described | {"training": _curve(trained)})


def run_long(ctx: StageContext) -> None:
    """Train one expert as long as several together: the comparison at equal compute."""
    from ensemble_core.rounds import round_seed

    job = _job(ctx, _train_data(ctx), round_seed(ctx.settings["seed"], 1))
    longer = {"epochs": job.training.epochs * ctx.settings["times"]}
    job = replace(job, training=job.training.model_copy(update=longer))
    trained = train_job(job, ctx.runtime)
    ctx.spent.add(trained.log)
    ctx.write_json(ROUND, {"times": ctx.settings["times"], "training": _curve(trained)})


def run_bag(ctx: StageContext) -> None:
    """Train one bagging expert on its own bootstrap draw of the labelled questions."""
    from ensemble_core.encoding import TokenDataset
    from ensemble_core.rounds import round_seed

    data = _train_data(ctx)
    seed = round_seed(ctx.settings["seed"], ctx.settings["bag"])
    drawn = np.random.default_rng(seed).integers(len(data), size=len(data))
    sample = TokenDataset([data.examples[index] for index in drawn])
    trained = train_job(_job(ctx, sample, seed), ctx.runtime)
    ctx.spent.add(trained.log)
    described = {"bag": ctx.settings["bag"], "distinct_questions": int(np.unique(drawn).size)}
    ctx.write_json(ROUND, described | {"training": _curve(trained)})


def boost_of(ctx: StageContext) -> BoostSettings:
    """What the stage reweighs, and how."""
    return BoostSettings.model_validate(ctx.settings["boost"])


def outcome_of(artifact: "Artifact", boost: BoostSettings) -> "RoundOutcome | None":
    """Weigh a round's expert: its error, its weight, and the token weights after it.

    A round's artifact holds only what went in and which tokens its expert got wrong, so that one
    first round serves every unit of boosting. None: boosting had ended before this round.
    """
    import pyarrow.parquet as pq

    from ensemble_core.rounds import BoostState, finish_round

    described = read_json(artifact, ROUND)
    if described["ended"]:
        return None
    table = pq.read_table(artifact.path(TOKENS))
    column = {name: table[name].to_numpy() for name in table.column_names}
    return finish_round(
        BoostState.restore({"log_weights": column["log_weight"]}, described["state"]),
        wrong=column["wrong"],
        reference_wrong=column.get("reference_wrong"),
        example=column["example"],
        judged=column.get("judged"),
        settings=boost,
    )


def _labelled(ctx: StageContext) -> "tuple[TokenDataset, TokenDataset]":
    """What the experts are trained on, and what they are scored on: held-out tokens follow."""
    from ensemble_core.encoding import TokenDataset

    data = _train_data(ctx)
    if "heldout" not in ctx.stage.inputs:
        return data, data
    heldout = ctx.encode(ctx.questions("heldout"))
    return data, TokenDataset([*data.examples, *heldout.examples])


def _train_data(ctx: StageContext) -> "TokenDataset":
    from ensemble_core.classification import check_every_class

    questions = ctx.questions("labelled")
    if ctx.classify:
        check_every_class(questions)
    return ctx.encode(questions)


def _check_tokens(ctx: StageContext) -> None:
    """A round of another model than the last one's needs the same tokens.

    Raises:
        StageError: It reads others, or writes to more places.
    """
    from ensemble_core.errors import StageError
    from ensemble_core.models.vocabulary import token_mismatch
    from w2s_platform.stages.subjects import model_ref

    if "previous" not in ctx.stage.inputs:
        return
    before = ctx.input("previous").manifest.preimage["inputs"]["pretrained"]
    mine = ctx.stage.inputs["pretrained"]
    if before == mine:
        return
    reason = token_mismatch(*(model_ref(ctx.store.require(key)) for key in (before, mine)))
    if reason:
        raise StageError(
            f"this round's model can't join the ensemble: {reason}",
            where=f"round {ctx.settings['round']}",
            hint="experts.mix takes models with the tokenizer of experts.model",
        )


def _state_before(ctx: StageContext, scored: "TokenDataset") -> "BoostState | None":
    from ensemble_core.boosting import guessing_error
    from ensemble_core.rounds import initial_state

    if "previous" not in ctx.stage.inputs:
        known = guessing_error(_classes(ctx) or 0) if ctx.classify else None
        return initial_state(scored.n_answer_tokens, reference_error=known)
    outcome = outcome_of(ctx.input("previous"), boost_of(ctx))
    if outcome is None:
        return None
    return replace(outcome.state, reference_error=None) if _mixed(ctx) else outcome.state


def _mixed(ctx: StageContext) -> bool:
    """Whether rounds train several pretrained models, each the reference of its own experts."""
    return bool(ctx.settings.get("own_reference"))


def _round_job(
    ctx: StageContext, data: "TokenDataset", scored: "TokenDataset", state: "BoostState"
) -> TrainJob:
    """The first round trains on the whole set with uniform weights in either mode.

    Out of bag it draws from the set: who has seen every example can't be judged on any.
    """
    from ensemble_core.rounds import round_seed, sampling_probabilities

    number = 1 if ctx.settings.get("boost", {}).get("same_seed") else ctx.settings["round"]
    seed = round_seed(ctx.settings["seed"], number)
    log_weights = state.log_weights[: data.n_answer_tokens]
    how: dict[str, Any] = {"scored": scored}
    if "previous" not in ctx.stage.inputs:
        how["score_pretrained"] = not ctx.classify  # a new head has learned nothing
        if _error(ctx) == "oob":
            how["example_probabilities"] = np.full(len(data), 1 / len(data))
        return _job(ctx, data, seed, **how)
    how["score_pretrained"] = _mixed(ctx)
    if boost_of(ctx).update == "reweight":
        how["token_weights"] = np.exp(log_weights)
    else:
        how["example_probabilities"] = sampling_probabilities(log_weights, data.example)
    return _job(ctx, data, seed, **how)


def _job(ctx: StageContext, data: "TokenDataset", seed: int, **how: Any) -> TrainJob:
    return TrainJob(
        store_url=ctx.store_url,
        pretrained=ctx.stage.inputs["pretrained"],
        layers=ctx.settings.get("layers"),
        adapter=ctx.adapter,
        training=ctx.training,
        precision=ctx.settings["precision"],
        seed=seed,
        data=data,
        out=str(ctx.out),
        classes=_classes(ctx),
        **how,
    )


def _classes(ctx: StageContext) -> int | None:
    """K; None where answers are written."""
    from ensemble_core.classification import class_names

    return len(class_names(ctx.questions("labelled"))) if ctx.classify else None


def _write_tokens(
    ctx: StageContext,
    data: "TokenDataset",
    scored: "TokenDataset",
    state: "BoostState",
    trained: Trained,
) -> None:
    """One row per answer token: the weight it went in with, and whether the expert missed it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "example": scored.example,
        "position": scored.position,
        "token": scored.answer_tokens,
        "log_weight": state.log_weights,
        "wrong": trained.misses,
        "judged": _judged(_error(ctx), data, scored, trained),
        "reference_wrong": trained.pretrained_misses,
    }
    given = {name: column for name, column in columns.items() if column is not None}
    pq.write_table(pa.table(given), ctx.out / TOKENS)


def _error(ctx: StageContext) -> str:
    """Where the round's error is measured."""
    boost = ctx.settings.get("boost") or ctx.settings
    return boost.get("error", "train")


def _judged(
    error: str, data: "TokenDataset", scored: "TokenDataset", trained: Trained
) -> "np.ndarray | None":
    """The tokens that the error is measured on; None for all."""
    if error == "heldout":
        return scored.example >= len(data)
    return (trained.log.drawn == 0)[data.example] if error == "oob" else None


def _curve(trained: Trained) -> dict[str, Any]:
    log = trained.log
    return {"steps": log.steps, "losses": list(log.losses)}
