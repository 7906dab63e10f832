"""From a store to numbers: where a sweep stands, its result rows, and their summaries.

What a notebook or a dashboard reads is here by name; each takes a store (or its URL) and the name
of a sweep, and returns a pandas frame. Nothing heavy is imported before the first call.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2s_platform.results.billing import cell_costs, costs, stage_costs
    from w2s_platform.results.bins import reliability
    from w2s_platform.results.boosting import heaviest_tokens, rounds, weight_by_position
    from w2s_platform.results.outcomes import answered_differently, questions
    from w2s_platform.results.rows import load
    from w2s_platform.results.voting import votes

__all__ = [
    "answered_differently",
    "cell_costs",
    "costs",
    "heaviest_tokens",
    "load",
    "questions",
    "reliability",
    "rounds",
    "stage_costs",
    "votes",
    "weight_by_position",
]
_MODULES = {
    "billing": ("cell_costs", "costs", "stage_costs"),
    "bins": ("reliability",),
    "boosting": ("heaviest_tokens", "rounds", "weight_by_position"),
    "outcomes": ("answered_differently", "questions"),
    "rows": ("load",),
    "voting": ("votes",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"w2s_platform.results.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
