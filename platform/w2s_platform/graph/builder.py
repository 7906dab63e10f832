"""Stages of a sweep by key; whoever asks for the same stage twice gets the same one."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from ensemble_core.settings import Precision, Settings, TrainingSettings
from w2s_platform.graph.model import closure
from w2s_platform.stage import Kind, Stage
from w2s_platform.stages.registry import REGISTRY

PRECISION, MICRO_BATCH = "precision", "micro_batch_size"
"""Training settings that a key does not hold as they are: the precision is resolved first, and the
size of a micro-batch changes the rounding only, as the number of workers does."""


class StageSet:
    """Collects the stages of all cells."""

    def __init__(self) -> None:
        self.stages: dict[str, Stage] = {}

    def add(
        self,
        kind: Kind,
        settings: Mapping[str, Any],
        inputs: Mapping[str, str],
        *,
        label: str,
        hints: Mapping[str, Any] | None = None,
    ) -> str:
        """Add a stage, unless it is there; its key.

        A setting that is None is off, and no part of the key: an option that a later version adds,
        off by default, then changes no key.
        """
        version = REGISTRY[kind].version
        given = {name: value for name, value in settings.items() if value is not None}
        stage = Stage(kind, given, inputs, version, hints or {}, label)
        return self.stages.setdefault(stage.key, stage).key

    def closure(self, keys: Iterable[str]) -> tuple[str, ...]:
        """These stages and all that they need, inputs before the stages that read them."""
        return closure(self.stages, keys)


@cache
def plain(settings: Settings) -> dict[str, Any]:
    """Settings as JSON values, defaults filled in, what is off by default left out.

    An option that defaults to something else and is None stays: there, None says something. The
    result is shared and not to be changed.
    """
    off = {
        name
        for name, info in type(settings).model_fields.items()
        if info.default is None and getattr(settings, name) is None
    }
    dumped = settings.model_dump(mode="json", exclude=off)
    values = {name: getattr(settings, name) for name in dumped}
    return dumped | {n: plain(value) for n, value in values.items() if isinstance(value, Settings)}


@cache
def resolve_precision(training: TrainingSettings, gpus_per_worker: float) -> Precision:
    """The numeric precision that a key holds: `auto` is bf16 on GPUs and fp32 elsewhere."""
    if training.precision == "auto":
        return "bf16" if gpus_per_worker else "fp32"
    return training.precision


def decisive(training: TrainingSettings) -> dict[str, Any]:
    """The training settings that a key holds as they are."""
    given = plain(training).items()
    return {name: value for name, value in given if name not in (PRECISION, MICRO_BATCH)}


def rounding(training: TrainingSettings) -> dict[str, Any]:
    """The training settings that change nothing but the rounding: a hint, and no part of a key."""
    return {name: value for name, value in plain(training).items() if name == MICRO_BATCH}
