"""One stage under its lease: whose fault a failure is, what it waits for, what it costs."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from ensemble_core.errors import DivergedError, InputError
from w2s_platform.stage import Stage
from w2s_platform.stages import reuse, run
from w2s_platform.stages.context import StageContext
from w2s_platform.stages.run import run_stage
from w2s_platform.stages.runtime import Outcome, Runtime
from w2s_platform.store import GitState, Store, open_store

STAGE = Stage("data", {"n": 1})
Do = Callable[..., Outcome]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


@pytest.fixture
def do(store: Store, monkeypatch: pytest.MonkeyPatch) -> Do:
    """Runs the stage with the given function as what it does."""

    def run_with(work: Callable[[StageContext], None], runtime: Runtime | None = None) -> Outcome:
        monkeypatch.setattr(run, "body", lambda kind: work)
        return run_stage(STAGE, store.url, runtime or Runtime())

    return run_with


def wrapped(error: Exception) -> Exception:
    """The error as a loader of models raises it."""
    try:
        try:
            raise error
        except Exception as inner:
            raise InputError("the model can't be loaded") from inner
    except InputError as outer:
        return outer


MACHINE = {
    "out of GPU memory": torch.OutOfMemoryError("CUDA out of memory"),
    "a GPU fault": torch.AcceleratorError("CUDA error: an illegal memory access"),
    "a GPU fault that a loader wrapped": wrapped(torch.AcceleratorError("CUDA error: unknown")),
    "a lost peer": dist.DistNetworkError("the client socket has failed"),
    "out of memory": MemoryError(),
    "a device": OSError(5, "Input/output error"),
}
WORK = {
    "shapes": RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
    "divergence": DivergedError("the loss is not finite"),
    "a wrapped mistake": wrapped(ValueError("no such layer")),
}


@pytest.mark.parametrize("error", MACHINE.values(), ids=MACHINE)
def test_a_failure_of_the_machine_may_go_away(do: Do, store: Store, error: Exception) -> None:
    outcome = do(raising(error))
    assert (outcome.status, outcome.deterministic) == ("failed", False)
    (recorded,) = store.failures(STAGE.key)
    assert (recorded.error, recorded.deterministic) == (outcome.error, False)


@pytest.mark.parametrize("error", WORK.values(), ids=WORK)
def test_a_failure_of_the_work_comes_again(do: Do, error: Exception) -> None:
    outcome = do(raising(error))
    assert (outcome.deterministic, outcome.process_broken) == (True, False)


def test_only_a_gpu_fault_breaks_the_process(do: Do) -> None:
    broken = {name for name, error in MACHINE.items() if do(raising(error)).process_broken}
    assert broken == {"a GPU fault", "a GPU fault that a loader wrapped"}


def raising(error: Exception) -> Callable[[StageContext], None]:
    def work(ctx: StageContext) -> None:
        raise error

    return work


def test_to_judge_a_failure_no_torch_is_imported() -> None:
    code = (
        "import sys; from w2s_platform.stages.faults import breaks_process, is_infrastructure; "
        "assert is_infrastructure(OSError()) and not is_infrastructure(RuntimeError()); "
        "assert not breaks_process(RuntimeError()); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_busy_stage_names_the_key_that_is_held(do: Do, store: Store) -> None:
    content = reuse.content_key(STAGE, {})
    for held in (content, STAGE.key):
        lease = store.acquire(held, "data")
        assert lease is not None
        with lease:
            outcome = do(write)
        assert (outcome.status, outcome.waits_for) == ("busy", held)
    assert do(write).status == "done"


def write(ctx: StageContext) -> None:
    (ctx.out / "value.txt").write_text("value")


def test_the_cost_counts_every_device_and_the_driver_names_the_code(do: Do, store: Store) -> None:
    def work(ctx: StageContext) -> None:
        time.sleep(0.05)
        write(ctx)

    git = GitState(commit="c" * 40, dirty=True)
    do(work, Runtime(devices=4.0, git=git))
    manifest = store.require(STAGE.key).manifest
    cost = manifest.cost
    assert cost.wall_seconds >= 0.05
    assert cost.device_seconds == 4 * cost.wall_seconds
    assert manifest.provenance.git == git


def test_a_warm_process_does_not_report_the_peak_of_an_earlier_stage(
    do: Do, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The GPU's counter of peak memory, as torch keeps it: it only grows until it is reset."""
    peak = [7_000]
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: peak[0])
    monkeypatch.setattr(
        torch.cuda, "reset_peak_memory_stats", lambda device: peak.__setitem__(0, 0)
    )

    def work(ctx: StageContext) -> None:
        peak[0] = max(peak[0], 3_000)
        write(ctx)

    do(work, Runtime(device="cuda:0"))
    assert store.require(STAGE.key).manifest.cost.peak_memory_bytes == 3_000
