"""The Ray task that runs one stage; a process runs many of them, one after another."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ensemble_core.errors import CancelledError
from w2s_platform.running.devices import task_device
from w2s_platform.running.needs import needs_of
from w2s_platform.running.reporter import Reporter
from w2s_platform.stage import Stage
from w2s_platform.stages.runtime import Outcome, Runtime

if TYPE_CHECKING:
    from w2s_platform.store import GitState

Execute = Callable[[Stage, str, Runtime], Outcome]
"""`stages.run.run_stage`, or something with its contract."""


@dataclass(frozen=True)
class Work:
    """What every stage of a run shares."""

    execute: Execute
    store_url: str
    data_root: str | None = None
    git: "GitState | None" = None
    """The driver's code."""


@dataclass(frozen=True)
class Stopped:
    """The stage ended early: on request, or because it lost its lease."""

    why: str


def run_task(work: Work, stage: Stage, broker: Any) -> Outcome | Stopped:
    """Run one stage in this process, and end the process where the stage left its GPU unusable.

    Args:
        work: What the run's stages share.
        stage: The stage; its inputs are in the store.
        broker: Handle of the broker's actor.
    """
    reporter = Reporter(broker, stage.key)
    reporter.started()
    try:
        outcome = work.execute(stage, work.store_url, _runtime(work, stage, broker, reporter))
    except CancelledError as stopped:
        return Stopped(str(stopped))
    finally:
        _free_device_memory()
    if outcome.process_broken:
        _end_process(reporter, outcome)
    return outcome


def _end_process(reporter: Reporter, outcome: Outcome) -> None:
    """Be lost: Ray keeps a process whose task returns, and would give it the next stage."""
    reporter.last_words(outcome.error or "its process is broken")
    os._exit(1)


def _runtime(work: Work, stage: Stage, broker: Any, reporter: Reporter) -> Runtime:
    needs = needs_of(stage)
    launch = None
    if needs.spread:
        from w2s_platform.running.torch_trainer import WorkerGroup

        launch = WorkerGroup(needs, broker, stage.key)
    return Runtime(
        data_root=work.data_root,
        device=task_device(),
        threads=needs.threads,
        devices=needs.devices,
        git=work.git,
        launch=launch,
        on_progress=reporter.progress,
        should_stop=reporter.should_stop,
    )


def _free_device_memory() -> None:
    """Give cached GPU memory back: this process stays, and others may get the GPU next."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        with suppress(RuntimeError):  # after a fault nothing works; how the stage ended matters
            torch.cuda.empty_cache()
