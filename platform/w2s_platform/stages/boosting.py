"""The stages `round` and `bag`: one expert each."""

from typing import TYPE_CHECKING, Any

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
    data = ctx.encode(ctx.questions("labelled"))
    state = _state_before(ctx, data)
    if state is None or state.ended:
        ctx.write_json(ROUND, {"round": ctx.settings["round"], "ended": True})
        return
    trained = train_job(_round_job(ctx, data, state), ctx.runtime)
    ctx.spent.add(trained.log)
    _write_tokens(ctx, data, state, trained)
    described = {"round": ctx.settings["round"], "ended": False, "state": state.scalars()}
    ctx.write_json(ROUND, described | {"training": _curve(trained)})


def run_bag(ctx: StageContext) -> None:
    """Train one bagging expert on its own bootstrap draw of the labelled questions."""
    import numpy as np

    from ensemble_core.encoding import TokenDataset
    from ensemble_core.rounds import round_seed

    data = ctx.encode(ctx.questions("labelled"))
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
        settings=boost,
    )


def _state_before(ctx: StageContext, data: "TokenDataset") -> "BoostState | None":
    from ensemble_core.rounds import initial_state

    if "previous" not in ctx.stage.inputs:
        return initial_state(data.n_answer_tokens)
    outcome = outcome_of(ctx.input("previous"), boost_of(ctx))
    return outcome.state if outcome else None


def _round_job(ctx: StageContext, data: "TokenDataset", state: "BoostState") -> TrainJob:
    """The first round trains on the whole set with uniform weights in either mode."""
    from ensemble_core.rounds import round_seed, sampling_probabilities

    seed = round_seed(ctx.settings["seed"], ctx.settings["round"])
    if "previous" not in ctx.stage.inputs:
        return _job(ctx, data, seed, find_misses=True, find_pretrained_misses=True)
    if boost_of(ctx).update == "reweight":
        return _job(ctx, data, seed, find_misses=True, token_weights=state.weights)
    drawn = sampling_probabilities(state.log_weights, data.example)
    return _job(ctx, data, seed, find_misses=True, example_probabilities=drawn)


def _job(ctx: StageContext, data: "TokenDataset", seed: int, **how: Any) -> TrainJob:
    return TrainJob(
        store_url=ctx.store_url,
        pretrained=ctx.stage.inputs["pretrained"],
        layers=ctx.settings["layers"],
        adapter=ctx.adapter,
        training=ctx.training,
        precision=ctx.settings["precision"],
        seed=seed,
        data=data,
        out=str(ctx.out),
        **how,
    )


def _write_tokens(
    ctx: StageContext, data: "TokenDataset", state: "BoostState", trained: Trained
) -> None:
    """One row per answer token: the weight it went in with, and whether the expert missed it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "example": data.example,
        "position": data.position,
        "token": data.answer_tokens,
        "log_weight": state.log_weights,
        "wrong": trained.misses,
    }
    if trained.pretrained_misses is not None:
        columns["reference_wrong"] = trained.pretrained_misses
    pq.write_table(pa.table(columns), ctx.out / TOKENS)


def _curve(trained: Trained) -> dict[str, Any]:
    log = trained.log
    return {"steps": log.steps, "losses": list(log.losses)}
