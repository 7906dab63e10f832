"""Words for numbers, and text that a figure shows as it stands."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from w2s_platform.cli.render.metrics import scale_of
from w2s_platform.cli.render.text import count

if TYPE_CHECKING:
    import pandas as pd

LONGEST_LABEL = 60


def label(text: object, longest: int = LONGEST_LABEL) -> str:
    """Text for a figure. Plotly reads some HTML in its texts; this keeps it from doing so."""
    plain = str(text).replace("\n", " ")
    if len(plain) > longest:
        plain = f"{plain[: longest - 1]}…"
    # An entity is the one thing that plotly always decodes, and never reads as a tag.
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def show_time(text: str) -> str:
    """A time of a record, ISO 8601 in UTC, as people read it; to the second."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return text


def difference_words(mean: float, low: float, high: float, n: int, metric: str) -> str:
    """A paired difference: `+2.1 points, 95 % interval 0.9 to 3.3, 8 seeds`."""
    if math.isnan(mean):
        return "no seed has both values"
    scale = scale_of(metric)
    unit = f" {scale.points}" if scale.points else ""
    middle = f"{_number(mean, metric, signed=True)}{unit}"
    if math.isnan(low) or math.isnan(high):
        return f"{middle}, {count(n, 'seed')}: no interval"
    bounds = f"{_number(low, metric)} to {_number(high, metric)}"
    return f"{middle}, 95 % interval {bounds}, {count(n, 'seed')}"


def is_better(metric: str, mean: float) -> bool:
    """Whether a difference above (or below) zero is an improvement of this metric."""
    return (mean < 0) if metric in ("nll", "ece") else (mean > 0)


def verdict(low: float, high: float, metric: str) -> str:
    """What an interval of a difference allows to say: `better`, `worse`, `not clear`."""
    if math.isnan(low) or math.isnan(high) or low <= 0 <= high:
        return "not clear"
    return "better" if is_better(metric, low) else "worse"


def is_number(column: "pd.Series[Any]") -> bool:
    """Whether a column holds numbers, which stand right-aligned; true and false are words."""
    import pandas as pd

    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def some(names: Iterable[str], longest: int = 5) -> str:
    """A list that stays readable: `a, b and 7 more`."""
    found = list(names)
    if len(found) <= longest:
        return ", ".join(found)
    return f"{', '.join(found[:longest])} and {len(found) - longest} more"


def _number(value: float, metric: str, *, signed: bool = False) -> str:
    scale = scale_of(metric)
    text = f"{value * scale.factor:{'+' if signed else ''}.{scale.digits}f}"
    return text.replace("-", "−")
