"""From what a model did with each question to measurements; pure functions of numbers."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble_core.errors import DivergedError
from ensemble_core.longform import by_bin
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
    steps: tuple[bool | None, ...] | None = None
    """Whether each step of the decoded answer is right, see `steps`."""
    first_error: int | None = None
    """See `steps.first_error`."""
    repetition: float | None = None
    """Of the decoded answer, see `longform.repetition`."""
    distinct_2: float | None = None
    """Of the decoded answer, see `longform.distinct_n`."""
    coherence: float | None = None
    """The judge's nll of the decoded answer, see `judging`."""


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


def measure_by_position(
    metrics: Sequence[str], results: Sequence[QuestionResult]
) -> Iterator[Measurement]:
    """Rows such as `token_accuracy@9-16`: a metric at the ninth to sixteenth place of the answers.

    Places are answer tokens for `token_accuracy` and `nll`, steps for `steps_correct`; bins double,
    see `longform.bin_of`. Other metrics have no rows.
    """
    for metric in metrics:
        if metric not in BY_POSITION:
            continue
        answers = [BY_POSITION[metric](result) for result in results]
        for (first, last), (values, owners) in by_bin(answers).items():
            error = clustered_standard_error(values, owners)
            yield Measurement(
                f"{metric}@{first}-{last}",
                float(np.mean(values)),
                None if math.isnan(error) else error,
                len(values),
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


def _per_step(results: Sequence[QuestionResult]) -> tuple[Floats, Ints]:
    judged = [[step for step in result.steps or () if step is not None] for result in results]
    values = np.array([step for steps in judged for step in steps], dtype=np.float64)
    return values, np.repeat(np.arange(len(judged)), [len(steps) for steps in judged])


Values = Callable[[Sequence[QuestionResult]], tuple[Floats, Ints]]
"""Results -> values [n] whose mean is the metric, and the question that each belongs to."""

METRICS: dict[str, Values] = {
    "accuracy": lambda results: _per_question(results, "correct"),
    "token_accuracy": lambda results: _per_token(results, "token_correct"),
    "choice_accuracy": lambda results: _per_question(results, "choice_correct"),
    "choice_accuracy_norm": lambda results: _per_question(results, "choice_norm_correct"),
    "nll": _nll,
    "ece": lambda results: _per_token(results, "token_correct"),
    "steps_correct": _per_step,
    "first_error": lambda results: _per_question(results, "first_error"),
    "repetition": lambda results: _per_question(results, "repetition"),
    "distinct_2": lambda results: _per_question(results, "distinct_2"),
    "coherence": lambda results: _per_question(results, "coherence"),
}
"""What is measured, in the order of result rows.

- `accuracy`: the decoded answer is right, see `Question.is_answered_by`.
- `token_accuracy`: share of answer tokens, end of sequence included, that are the likeliest given
  the true ones before.
- `choice_accuracy`: the right choice has the highest summed log-likelihood, end of sequence not
  counted; `choice_accuracy_norm`: the highest per character (lm-evaluation-harness's `acc` and
  `acc_norm`; its `acc_bytes` is not the same where a choice says 10 °C). No row where no question
  has choices.
- `nll`: mean over the answer tokens of -log p, in nats. `ece`: their calibration, see
  `metrics.expected_calibration_error`.
- Of decoded answers: `steps_correct`, the share of their steps that are right given the step before
  (`steps`); `first_error`, how many steps an answer is right, plus 1; `repetition` and `distinct_2`
  (`longform`); `coherence`, the judge's nll (`judging`).
"""
CHOICE_METRICS = frozenset(("choice_accuracy", "choice_accuracy_norm"))
STEP_METRICS = frozenset(("steps_correct", "first_error"))
LONG_METRICS = STEP_METRICS | {"repetition", "distinct_2", "coherence"}
"""Those of long answers, which have to be asked for."""
DECODED_METRICS = LONG_METRICS | {"accuracy"}
STANDARD_METRICS = tuple(name for name in METRICS if name not in LONG_METRICS)

BY_POSITION: dict[str, Callable[[QuestionResult], Sequence[float | None]]] = {
    "token_accuracy": lambda result: result.token_correct or (),
    "nll": lambda result: [-value for value in result.token_log_probs or ()],
    "steps_correct": lambda result: result.steps or (),
}
"""Metrics with a value for each place of an answer."""
