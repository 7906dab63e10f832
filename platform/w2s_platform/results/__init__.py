"""From a store to numbers: where a sweep stands, its result rows, and their summaries."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2s_platform.results.rows import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from w2s_platform.results import rows

        return getattr(rows, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
