"""The stage `gate`: the learned combiner of an ensemble, trained on validation questions."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_platform.stages.context import StageContext
from w2s_platform.stages.subjects import GATE, load_subject

if TYPE_CHECKING:
    from ensemble_core.gating import GateFit


def run_gate(ctx: StageContext) -> None:
    """Train a gate over the ensemble's experts; one expert alone needs none."""
    from ensemble_core.ensemble import TokenEnsembleForCausalLM

    key, device = ctx.stage.inputs["ensemble"], ctx.runtime.device
    model, tokenizer = load_subject(ctx.store, key, device)
    if not isinstance(model, TokenEnsembleForCausalLM):
        ctx.write_json("gate.json", {"experts": 1})
        return
    fit = _fit(ctx, model, tokenizer)
    _save(fit, ctx.out)
    ctx.write_json(
        "gate.json",
        {
            "experts": model.config.n_experts,
            "nll_before": fit.before,
            "nll_after": fit.after,
            "steps": fit.steps,
            "tokens": fit.tokens,
            "seconds": fit.seconds,
        },
    )


def _fit(ctx: StageContext, model: Any, tokenizer: Any) -> "GateFit":
    from ensemble_core.gating import fit_gate
    from ensemble_core.models.context import context_length
    from ensemble_core.staged import gate_examples

    limit = context_length(model.config)
    data = ctx.encode_with(tokenizer, ctx.questions("validation"), limit)
    examples = gate_examples(model, data, **ctx.shared)
    return fit_gate(*examples, seed=ctx.settings["seed"])


def _save(fit: "GateFit", out: Path) -> None:
    from safetensors.torch import save_file

    save_file(fit.gate.state_dict(), out / GATE)
