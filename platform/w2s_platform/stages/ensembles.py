"""The stage `ensemble`: which experts vote, and with which weight. It trains nothing."""

from typing import Any

from ensemble_core.settings import BoostSettings
from w2s_platform.stages.boosting import outcome_of
from w2s_platform.stages.context import StageContext
from w2s_platform.stages.reuse import HISTORY
from w2s_platform.stages.subjects import ENSEMBLE


def run_ensemble(ctx: StageContext) -> None:
    """Choose the first accepted experts, or all bagging experts with equal weight."""
    members = _boosted(ctx) if "round_1" in ctx.stage.inputs else _bagged(ctx)
    ctx.write_json(ENSEMBLE, {"combine": ctx.settings["combine"], **members})


def _bagged(ctx: StageContext) -> dict[str, Any]:
    keys = [bag.key for bag in ctx.inputs("bag")]
    return {"members": [{"key": key, "weight": 1.0} for key in keys], "note": None}


def _boosted(ctx: StageContext) -> dict[str, Any]:
    from ensemble_core.rounds import choose_experts

    boost = BoostSettings.model_validate(ctx.settings["boost"])
    rounds = ctx.inputs("round")
    finished = [
        (artifact.key, outcome)
        for artifact in rounds
        if (outcome := outcome_of(artifact, boost)) is not None
    ]
    choice = choose_experts([outcome.alpha for _, outcome in finished], ctx.settings["count"])
    members = [
        {"key": finished[index][0], "weight": alpha, "round": index + 1}
        for index, alpha in zip(choice.experts, choice.alphas, strict=True)
    ]
    history = [
        {
            "round": index + 1,
            "error": outcome.error,
            "reference_error": outcome.state.reference_error,
            "alpha": outcome.alpha,
            "accepted": outcome.accepted,
        }
        for index, (_, outcome) in enumerate(finished)
    ]
    ctx.write_json(HISTORY, history)
    return {"members": members, "note": choice.note}
