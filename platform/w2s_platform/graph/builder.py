"""Stages of a sweep by key; whoever asks for the same stage twice gets the same one."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from ensemble_core.settings import Precision, Settings, TrainingSettings
from w2s_platform.stage import Kind, Stage
from w2s_platform.stages.registry import REGISTRY


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
        """Add a stage, unless it is there; its key."""
        version = REGISTRY[kind].version
        stage = Stage(kind, settings, inputs, version, hints or {}, label)
        return self.stages.setdefault(stage.key, stage).key

    def closure(self, keys: Iterable[str]) -> tuple[str, ...]:
        """These stages and all that they need, inputs before the stages that read them."""
        ordered: dict[str, None] = {}
        for key in keys:
            self._visit(key, ordered)
        return tuple(ordered)

    def _visit(self, key: str, ordered: dict[str, None]) -> None:
        if key not in ordered:
            for needed in self.stages[key].inputs.values():
                self._visit(needed, ordered)
            ordered[key] = None


@cache
def plain(settings: Settings) -> dict[str, Any]:
    """Settings as JSON values, defaults filled in; not to be changed."""
    return settings.model_dump(mode="json")


@cache
def resolve_precision(training: TrainingSettings, gpus_per_worker: float) -> Precision:
    """The numeric precision that a key holds: `auto` is bf16 on GPUs and fp32 elsewhere."""
    if training.precision == "auto":
        return "bf16" if gpus_per_worker else "fp32"
    return training.precision
