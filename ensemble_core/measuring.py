"""From what a model did with each question to measurements; pure functions of numbers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble_core.errors import DivergedError
from ensemble_core.metrics import clustered_standard_error, expected_calibration_error

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Measurement:
    """One number."""

    metric: str
    value: float
    stderr: float | None
    """Standard error over questions (the tokens of one are a cluster); None for one question, and
    for ece."""
    n: int
    """What the value is a mean over: questions or, for token metrics, answer tokens."""


@dataclass(frozen=True)
class QuestionResult:
    """What a model did with one question; None where that was not asked."""

    id: str
    prediction: str | None = None
    """The decoded answer."""
    correct: bool | None = None
    """Whether the decoded answer is right."""
    nll: float | None = None
    """Mean over its answer tokens, end of sequence included, in nats."""
    tokens: int | None = None
    """How many these are."""
    token_log_probs: tuple[float, ...] | None = None
    """The log-probability of each of them, given the true ones before it."""
    token_correct: tuple[bool, ...] | None = None
    """Whether each of them is the likeliest there."""
    token_confidences: tuple[float, ...] | None = None
    """The probability of the likeliest token there."""
    choice: int | None = None
    """The choice with the highest log-likelihood."""
    choice_correct: bool | None = None
    choice_norm: int | None = None
    """The choice with the highest log-likelihood per character."""
    choice_norm_correct: bool | None = None
    choice_log_likelihoods: tuple[float, ...] | None = None
    """In nats, end of sequence not counted."""


def measure(metric: str, results: Sequence[QuestionResult]) -> Measurement | None:
    """One metric over the questions; None where no question has what it needs.

    Raises:
        KeyError: No metric has this name.
        DivergedError: A value is not finite.
    """
    values, cluster = METRICS[metric](results)
    if not len(values):
        return None
    if not np.isfinite(values).all():
        raise DivergedError(
            f"the model's predictions are not finite numbers, so it has no {metric}",
            hint="its weights have overflowed, or its checkpoint is broken",
        )
    if metric == "ece":
        confidences, _ = _per_token(results, "token_confidences")
        return Measurement(
            metric, expected_calibration_error(confidences, values), None, len(values)
        )
    error = clustered_standard_error(values, cluster)
    return Measurement(
        metric, float(values.mean()), None if math.isnan(error) else error, len(values)
    )


def _per_question(results: Sequence[QuestionResult], field: str) -> tuple[Floats, Ints]:
    found: list[Any] = [getattr(result, field) for result in results]
    values = np.array([value for value in found if value is not None], dtype=np.float64)
    return values, np.arange(len(values))


def _per_token(results: Sequence[QuestionResult], field: str) -> tuple[Floats, Ints]:
    found: list[Any] = [getattr(result, field) or () for result in results]
    values = np.array([value for values in found for value in values], dtype=np.float64)
    return values, np.repeat(np.arange(len(found)), [len(values) for values in found])


def _nll(results: Sequence[QuestionResult]) -> tuple[Floats, Ints]:
    values, cluster = _per_token(results, "token_log_probs")
    return -values, cluster


Values = Callable[[Sequence[QuestionResult]], tuple[Floats, Ints]]
"""Results -> values [n] whose mean is the metric, and the question that each belongs to."""

METRICS: dict[str, Values] = {
    "accuracy": lambda results: _per_question(results, "correct"),
    "token_accuracy": lambda results: _per_token(results, "token_correct"),
    "choice_accuracy": lambda results: _per_question(results, "choice_correct"),
    "choice_accuracy_norm": lambda results: _per_question(results, "choice_norm_correct"),
    "nll": _nll,
    "ece": lambda results: _per_token(results, "token_correct"),
}
CHOICE_METRICS = frozenset(("choice_accuracy", "choice_accuracy_norm"))
DECODED_METRICS = frozenset(("accuracy",))
