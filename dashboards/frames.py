"""Frames as plain Python values."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """One mapping per row: column → value."""
    return frame.to_dict("records")  # pyright: ignore[reportReturnType]
