"""Run one stage once: find it, lease it, do it, publish it."""

import logging
import os
import resource
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ensemble_core.errors import CancelledError
from w2s_platform.stage import Stage
from w2s_platform.stages import reuse
from w2s_platform.stages.context import StageContext
from w2s_platform.stages.faults import breaks_process, is_infrastructure
from w2s_platform.stages.registry import body
from w2s_platform.stages.runtime import Outcome, Runtime

if TYPE_CHECKING:
    from w2s_platform.store import Lease, Store
    from w2s_platform.store.manifest import Cost


def run_stage(stage: Stage, store_url: str, runtime: Runtime) -> Outcome:
    """Bring one stage's artifact into the store.

    Runs in the worker's process: it takes the lease, keeps it alive while it works, and publishes
    or records the failure. The inputs must be in the store already.

    Returns:
        `done`; `cached` if it was there; `busy` if another owner works on it, or on another stage
        that does the same (ask again when `waits_for` is free); `failed`, with what went wrong
        recorded in the store.

    Raises:
        CancelledError: The runtime asked to stop, or the lease was lost.
        W2SError: The store can't be read or written.
    """
    from w2s_platform.store import open_store

    store = open_store(store_url)
    if store.find(stage.key):
        return Outcome(stage.key, "cached")
    inputs = {name: store.require(key).manifest for name, key in stage.inputs.items()}
    content = reuse.content_key(stage, inputs)
    with reuse.only_worker(store, content, stage.kind) as alone:
        lease = store.acquire(stage.key, stage.kind) if alone else None
        if lease is None:
            return _not_ours(stage, store, stage.key if alone else content)
        with lease:
            return _run_leased(
                StageContext(stage, store, store_url, lease.workdir, runtime), lease, content
            )


def _not_ours(stage: Stage, store: "Store", held: str) -> Outcome:
    if store.find(stage.key):
        return Outcome(stage.key, "cached")
    return Outcome(stage.key, "busy", waits_for=held)


def _run_leased(ctx: StageContext, lease: "Lease", content: str) -> Outcome:
    def should_stop() -> bool:
        return lease.lost.is_set() or ctx.runtime.should_stop()

    try:
        watched = replace(ctx.runtime, should_stop=should_stop)
        return _do(replace(ctx, runtime=watched), lease, content)
    except CancelledError:
        lease.check()  # a lost lease is told as such
        raise
    except Exception as error:
        return _failed(ctx, lease, error)


def _do(ctx: StageContext, lease: "Lease", content: str) -> Outcome:
    """Take over what another stage with the same content made, or make it."""
    key = ctx.stage.key
    if same := reuse.find_same(ctx.store, content):
        reuse.take_over(same, lease)
        _publish(ctx, lease)
        return Outcome(key, "done", lease.seconds)
    with _quiet(lease):
        _use_threads(ctx.runtime)
        _forget_peak_memory(ctx.runtime.device)
        body(ctx.stage.kind)(ctx)
    lease.check()
    if ctx.runtime.should_stop():
        raise CancelledError("stopped on request", where=ctx.stage.label)
    _publish(ctx, lease)
    reuse.note(ctx.store, content, key)
    return Outcome(key, "done", lease.seconds)


def _publish(ctx: StageContext, lease: "Lease") -> None:
    from w2s_platform.store import collect_provenance

    provenance = collect_provenance(ctx.runtime.device, ctx.runtime.git)
    lease.publish(_cost(ctx, lease), provenance, ctx.stage.preimage)


def _failed(ctx: StageContext, lease: "Lease", error: Exception) -> Outcome:
    """Keep the failure. What the device or the memory did may go away; the rest comes again."""
    from w2s_platform.store import explain_full

    error = explain_full(error, str(lease.workdir)) or error
    deterministic, broken = not is_infrastructure(error), breaks_process(error)
    attempt = lease.fail(error, deterministic=deterministic, cost=_cost(ctx, lease))
    lease.check()
    return Outcome(ctx.stage.key, "failed", lease.seconds, attempt.error, deterministic, broken)


def _use_threads(runtime: Runtime) -> None:
    if runtime.threads is not None:
        import torch

        torch.set_num_threads(runtime.threads)


def _cost(ctx: StageContext, lease: "Lease") -> "Cost":
    from w2s_platform.store.manifest import Cost

    seconds = lease.seconds
    return Cost(
        wall_seconds=seconds,
        device_seconds=seconds * ctx.runtime.devices,
        tokens=ctx.spent.tokens,
        flops=ctx.spent.flops,
        peak_memory_bytes=_peak_memory(ctx.runtime.device),
    )


def _forget_peak_memory(device: str) -> None:
    """Begin anew: this process may have run a stage before, with a higher peak."""
    torch = sys.modules.get("torch")
    if device.startswith("cuda") and torch is not None and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats(device)


def _peak_memory(device: str) -> int:
    """Of the device where there is one, else of this process so far, in bytes."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def _quiet(lease: "Lease") -> Generator[None]:
    """Send log lines and warnings to the attempt's log in the store instead of the terminal."""
    handler = logging.FileHandler(lease.log_path, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    _hide_progress_bars()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        handler.close()


def _hide_progress_bars() -> None:
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # read when transformers is imported
    if "transformers" in sys.modules:
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
