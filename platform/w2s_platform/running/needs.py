"""What a stage asks of the machines: workers, cores, GPUs. None of it changes a result."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from w2s_platform.stage import Kind, Stage

if TYPE_CHECKING:
    from w2s_platform.sweepfile.resources import ResourceSettings

TRAINING: frozenset[Kind] = frozenset({"round", "bag", "long", "student", "ceiling"})
"""Kinds whose training can be spread over several workers."""


@dataclass(frozen=True)
class Needs:
    """Processes, and what each of them holds while the stage runs."""

    workers: int = 1
    cpus: float = 1.0
    """CPU cores of one worker."""
    gpus: float = 0.0
    """GPUs of one worker."""

    @property
    def spread(self) -> bool:
        """Whether the training goes over several processes."""
        return self.workers > 1

    @property
    def threads(self) -> int:
        """Threads of one worker: as many as it holds cores, so that neighbours don't fight."""
        return max(1, int(self.cpus))

    @property
    def devices(self) -> float:
        """GPUs held in all; without GPUs, the CPU processes."""
        return self.workers * (self.gpus or 1.0)


def needs_of(stage: Stage) -> Needs:
    """Read what a stage needs from its hints.

    `hints["resources"]` holds `workers`, `cpus_per_worker` and `gpus_per_worker`; what it leaves
    out is one worker, one core, no GPU. Kinds that don't train always have one worker.
    """
    needs = _needs(stage.hints.get("resources") or {})
    return needs if stage.kind in TRAINING else replace(needs, workers=1)


def needs_of_training(resources: "ResourceSettings") -> dict[str, Needs]:
    """What a sweep's trainings need, by role, while its stages are not known yet."""
    roles = {"experts": resources.experts, "students": resources.students}
    return {role: _needs(asked.model_dump()) for role, asked in roles.items()}


def _needs(asked: Mapping[str, Any]) -> Needs:
    return Needs(
        workers=int(asked.get("workers", 1)),
        cpus=float(asked.get("cpus_per_worker", 1.0)),
        gpus=float(asked.get("gpus_per_worker", 0.0)),
    )
