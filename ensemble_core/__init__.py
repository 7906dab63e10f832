"""EnsemW2S: boosting, combining, training and evaluation of weak-to-strong experiments.

Knows nothing of Ray, sweeps or stores. `TokenEnsembleForCausalLM` is imported on first use, since
transformers takes seconds to load.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ensemble_core.ensemble import TokenEnsembleConfig, TokenEnsembleForCausalLM

__all__ = ["TokenEnsembleConfig", "TokenEnsembleForCausalLM"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ensemble_core import ensemble

        return getattr(ensemble, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
