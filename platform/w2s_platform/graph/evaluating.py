"""What an `evaluate` stage is told, by who is measured on which questions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ensemble_core.settings import ModelRef
from w2s_platform.sweepfile.sections import LONG_METRICS, STEP_METRICS, WRITTEN_METRICS

if TYPE_CHECKING:
    from w2s_platform.graph.sources import Slice
    from w2s_platform.sweepfile.sections import Config, EvaluationSettings, Metric

SEQUENCE = "sequence"
"""The subject whose experts each write a whole answer. It has no model but the ensemble's."""


def evaluate_settings(config: "Config", subject: str, drawn: "Slice") -> dict[str, Any]:
    """The settings of the stage; None for what is off, and so no part of its key."""
    evaluation, classify = config.evaluation, config.tasks.classify
    metrics = _metrics(evaluation, subject)
    return {
        "metrics": metrics,
        "max_new_tokens": None if classify else evaluation.max_new_tokens,
        "classify": classify,
        "steps": _settings(drawn.steps) if set(STEP_METRICS) & set(metrics) else None,
        "by_position": evaluation.by_position or None,
        "sequence_score": evaluation.sequence_score if subject == SEQUENCE else None,
    }


def prefix_metrics(evaluation: "EvaluationSettings") -> "list[Metric]":
    """What all prefixes are measured by: nothing is written there, so no long answers."""
    return [name for name in evaluation.metrics if name not in LONG_METRICS]


def judge_of(config: "Config") -> ModelRef | None:
    """The pretrained model that reads the answers, where the sweep measures coherence."""
    if "coherence" not in config.evaluation.metrics:
        return None
    if config.evaluation.judge:
        return config.evaluation.judge
    return config.student.base if config.student else None


def _metrics(evaluation: "EvaluationSettings", subject: str) -> "list[Metric]":
    if subject != SEQUENCE:
        return list(evaluation.metrics)
    return [name for name in evaluation.metrics if name in WRITTEN_METRICS]


def _settings(steps: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if steps is None else dict(steps)
