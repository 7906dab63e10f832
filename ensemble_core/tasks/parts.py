"""A part of a file's rows, written as the hub writes a part of a split: `train.jsonl[:90%]`."""

import re
from collections.abc import Iterable
from typing import TypeVar

RowT = TypeVar("RowT")

_PART = re.compile(r"(?P<path>.*?)(?P<part>\[(?P<low>-?\d+%?)?:(?P<high>-?\d+%?)?\])?", re.S)


def split_name(name: str) -> tuple[str, str]:
    """A file's path and its part: (`train.jsonl`, `[:90%]`); the part is empty for all rows."""
    match = _PART.fullmatch(name)
    assert match is not None
    return match["path"], match["part"] or ""


def within(rows: Iterable[RowT], part: str) -> Iterable[RowT]:
    """The rows of a part; what lies beyond the last row is left out.

    Args:
        rows: All rows.
        part: As `split_name` gives it. A share of the rows is rounded to the nearest whole row.
    """
    match = _PART.fullmatch(part)
    assert match is not None
    if match["part"] is None:
        return rows
    kept = list(rows)
    low, high = (_place(match[name], len(kept)) for name in ("low", "high"))
    return kept[low:high]


def _place(bound: str | None, count: int) -> int | None:
    if bound is None:
        return None
    if not bound.endswith("%"):
        return int(bound)
    return round(int(bound[:-1]) * count / 100)
