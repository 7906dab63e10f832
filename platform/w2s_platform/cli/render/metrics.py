"""How each metric is written: its name, its unit, its decimals."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """A metric's unit: a value times `factor`, with `digits` decimals."""

    unit: str
    factor: float
    digits: int
    points: str
    """The unit of a difference."""


PERCENT = Scale("%", 100.0, 1, "points")
PLAIN = Scale("", 1.0, 3, "")
_PERCENT_METRICS = {
    "accuracy",
    "token_accuracy",
    "choice_accuracy",
    "choice_accuracy_norm",
    "ece",
    "steps_correct",
    "repetition",
    "distinct_2",
    "pgr",
}


def scale_of(metric: str) -> Scale:
    """Return the unit in which a metric, or a metric at a place such as `nll@1-8`, is shown."""
    return PERCENT if metric.partition("@")[0] in _PERCENT_METRICS else PLAIN


def heading(metric: str) -> str:
    """Return the metric's name with its unit: `accuracy, %`."""
    unit = scale_of(metric).unit
    name = metric.replace("_", " ")
    return f"{name}, {unit}" if unit else name


def show_interval(
    mean: float, low: float, high: float, metric: str, *, signed: bool = False
) -> str:
    """Write a mean with half the width of its interval: `62.1 ±3.4`.

    Args:
        mean: The mean; nothing is shown where it is not a number.
        low: Lower bound; not a number where there is no interval (one seed).
        high: Upper bound.
        metric: Decides unit and decimals.
        signed: Write a plus before what is above zero (differences).
    """
    if math.isnan(mean):
        return "–"
    scale = scale_of(metric)
    text = f"{mean * scale.factor:{'+' if signed else ''}.{scale.digits}f}".replace("-", "−")
    if math.isnan(low) or math.isnan(high):
        return text
    half = (high - low) / 2 * scale.factor
    return f"{text} ±{half:.{scale.digits}f}"
