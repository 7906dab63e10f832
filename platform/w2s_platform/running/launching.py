"""Launch stages as Ray tasks, outside any placement group, in processes that stay warm."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from ensemble_core.errors import InputError, W2SError
from w2s_platform.running.broker import LostError, StoppedError
from w2s_platform.running.devices import ALL_VISIBLE
from w2s_platform.running.needs import Needs, needs_of
from w2s_platform.running.tasks import Stopped, Work, run_task
from w2s_platform.stage import Stage
from w2s_platform.stages.faults import is_infrastructure
from w2s_platform.stages.runtime import Outcome


class RayLauncher:
    """Runs a stage as a Ray task with exactly the resources that it asks for.

    Lives in the broker's actor. A stage whose training is spread holds nothing itself: its worker
    group holds the resources, and would wait for ever for a core that its own parent keeps.
    """

    def __init__(self, work: Work, broker: Any, grace: float) -> None:
        import ray

        self._broker, self._grace = broker, grace
        self._work = ray.put(work)
        # max_calls=0: a process is kept, with what it has imported, for GPU tasks too.
        self._task: Any = ray.remote(max_calls=0, max_retries=0)(run_task)
        self._refs: dict[str, Any] = {}
        self._started: set[str] = set()
        self._cancelled: set[str] = set()
        self._last_words: dict[str, str] = {}
        self._groups = asyncio.Condition()
        self._group_share = 0.0
        self._background: set[asyncio.Task[None]] = set()

    async def launch(self, stage: Stage) -> Outcome:
        """See `Launcher.launch`."""
        needs = needs_of(stage)
        if not needs.spread:
            return await self._launch(stage, needs)
        share = _share_of_cluster(needs)
        async with self._groups:
            await self._groups.wait_for(
                lambda: self._group_share + share <= 1.0 + 1e-9 or stage.key in self._cancelled
            )
            self._group_share += share
        try:
            return await self._launch(stage, needs)
        finally:
            async with self._groups:
                self._group_share -= share
                self._groups.notify_all()

    def cancel(self, key: str) -> None:
        """See `Launcher.cancel`."""
        self._cancelled.add(key)
        if key not in self._refs:
            self._in_background(self._wake_groups())
        elif key in self._started:  # it asks us now and then; it is interrupted if it does not
            self._in_background(self._interrupt_later(key))
        else:
            self._interrupt(key)

    def started(self, key: str) -> None:
        """The stage's task has begun to work."""
        self._started.add(key)

    def last_words(self, key: str, error: str) -> None:
        """The stage's process ends, for this reason."""
        self._last_words[key] = error

    async def _launch(self, stage: Stage, needs: Needs) -> Outcome:
        key = stage.key
        if key in self._cancelled:
            self._forget(key)
            raise StoppedError
        options = _options(needs) | {"name": f"{stage.kind} {key[:12]}"}
        self._refs[key] = self._task.options(**options).remote(self._work, stage, self._broker)
        try:
            ended = await self._refs[key]
        except Exception as error:
            return self._judged(key, error)
        else:
            if isinstance(ended, Stopped):
                raise self._stopped(key, ended.why)
            return ended
        finally:
            self._forget(key)

    def _judged(self, key: str, error: Exception) -> Outcome:
        """Tell the machine's failures, which may go away, from those that come again.

        Raises:
            LostError: The machine's.
            StoppedError: It was cancelled.
        """
        from ray.exceptions import RayTaskError, TaskCancelledError

        if key in self._cancelled or isinstance(error, TaskCancelledError):
            raise self._stopped(key, "interrupted") from None
        if not isinstance(error, RayTaskError):
            raise LostError(self._last_words.get(key) or _infrastructure(error)) from None
        cause: Exception = getattr(error, "cause", error)
        ours = isinstance(cause, W2SError)
        told = str(cause) if ours else _last_line(error)
        if is_infrastructure(cause) or (ours and not isinstance(cause, InputError)):
            raise LostError(told) from None
        return Outcome(key, "failed", error=told, deterministic=True)  # else a fault of ours

    def _stopped(self, key: str, why: str) -> Exception:
        return StoppedError(why) if key in self._cancelled else LostError(why)

    def _forget(self, key: str) -> None:
        self._refs.pop(key, None)
        self._started.discard(key)
        self._cancelled.discard(key)
        self._last_words.pop(key, None)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _wake_groups(self) -> None:
        async with self._groups:
            self._groups.notify_all()

    async def _interrupt_later(self, key: str) -> None:
        ref = self._refs.get(key)
        await asyncio.sleep(self._grace)
        if ref is not None and self._refs.get(key) is ref:
            self._interrupt(key)

    def _interrupt(self, key: str) -> None:
        import ray

        ray.cancel(self._refs[key], force=False)


def _options(needs: Needs) -> dict[str, Any]:
    options: dict[str, Any] = {"scheduling_strategy": "DEFAULT"}
    if needs.spread:
        return options | {"num_cpus": 0}
    options |= {"num_cpus": needs.cpus}
    if needs.gpus:
        options |= {"num_gpus": needs.gpus, "runtime_env": {"env_vars": ALL_VISIBLE}}
    return options


def _share_of_cluster(needs: Needs) -> float:
    """How much of the cluster's scarcest resource one worker group takes, at most 1."""
    import ray

    held = ray.cluster_resources()
    shares = [needs.workers * needs.cpus / max(held.get("CPU", 0.0), 1e-9)]
    if needs.gpus:
        shares.append(needs.workers * needs.gpus / max(held.get("GPU", 0.0), 1e-9))
    return min(1.0, max(shares))


def _infrastructure(error: Exception) -> str:
    """One line for people; Ray's own messages fill a screen."""
    named = {
        "WorkerCrashedError": "its process died",
        "NodeDiedError": "its node left the cluster",
        "OutOfMemoryError": "its node ran out of memory, and Ray stopped it",
        "LocalRayletDiedError": "Ray's local daemon died",
        "ObjectLostError": "Ray lost one of its objects",
        "RuntimeEnvSetupError": "Ray could not prepare its process",
    }
    name = type(error).__name__
    return named.get(name) or f"{name}: {_last_line(error)}"


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
