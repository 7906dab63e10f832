"""Result frames as text or bytes: CSV, JSON and Parquet."""

import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def to_csv(frame: "pd.DataFrame") -> str:
    """Write rows as CSV with a heading; a missing value is empty."""
    return frame.to_csv(index=False)


def to_json(frame: "pd.DataFrame") -> str:
    """Write rows as a JSON array of objects, one per line; a missing value is null."""
    rows: list[dict[str, Any]] = frame.astype(object).where(frame.notna(), None).to_dict("records")  # pyright: ignore[reportAssignmentType, reportArgumentType, reportCallIssue]
    lines = ",\n".join(json.dumps(row, default=_plain, ensure_ascii=False) for row in rows)
    return f"[\n{lines}\n]\n" if rows else "[]\n"


def to_parquet(frame: "pd.DataFrame") -> bytes:
    """Write rows as a Parquet file; a column of mixed kinds becomes text."""
    mixed = [name for name in frame.columns if _is_mixed(frame[name])]
    buffer = io.BytesIO()
    frame.astype(dict.fromkeys(mixed, "string")).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _is_mixed(column: "pd.Series[Any]") -> bool:
    return column.dtype == object and len({type(value) for value in column.dropna()}) > 1


def _plain(value: Any) -> Any:
    """Numpy's scalars as Python's."""
    return value.item()
