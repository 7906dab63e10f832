"""One training over several workers, through Ray Train's `TorchTrainer`.

The workers call the same `run_training` as a single one. Starting them takes 10 to 20 seconds on
two cores, so that this pays for large models only.
"""

import json
import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from ensemble_core.errors import CancelledError, W2SError
from w2s_platform.running.needs import Needs
from w2s_platform.running.reporter import Reporter
from w2s_platform.stages.faults import is_infrastructure
from w2s_platform.stages.runtime import Runtime

if TYPE_CHECKING:
    import numpy as np

    from w2s_platform.stages.training import Trained, TrainJob

TRAINED, STOP = ".trained.json", ".stop"
"""Files in the attempt's directory: what the first worker writes, and what stops all of them."""
_ENVIRONMENT = {
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_TRAIN_ENABLE_STATE_TRACKING": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
}
_POLL = 0.5
_OF_THE_GROUP = re.compile(r"gloo/transport|distributed/c10d|NCCL")
"""In the text of errors that torch.distributed raises without a type of their own."""


@dataclass(frozen=True)
class WorkerGroup:
    """Spreads a training; goes into `Runtime.launch`.

    Attributes:
        needs: The workers, and what each holds.
        broker: Handle of the broker's actor, for progress; None reports nowhere.
        key: The stage.
    """

    needs: Needs
    broker: Any
    key: str

    def __call__(self, job: "TrainJob", runtime: Runtime) -> "Trained":
        """Train on all workers and read back what the first of them measured.

        Raises:
            W2SError: The training raised it, on whichever worker.
            CancelledError: The runtime asked to stop.
            ConnectionError: A worker died, or the connection to it broke.
        """
        out = Path(job.out)
        config = {
            "job": job,
            "data_root": runtime.data_root,
            "threads": self.needs.threads,
            "broker": self.broker,
            "key": self.key,
        }
        try:
            _fit(self.needs, config, out, job.store_url, runtime.should_stop)
            return _read_trained(out)
        finally:
            for name in (TRAINED, STOP):
                (out / name).unlink(missing_ok=True)


def _fit(
    needs: Needs,
    config: Mapping[str, Any],
    out: Path,
    store_url: str,
    should_stop: Callable[[], bool],
) -> None:
    """Run the trainer in a thread, and watch over it from here.

    In the main thread the trainer would take over this process's handling of interrupts, for good.
    """
    from w2s_platform.store import open_store

    notes = open_store(store_url).logs_dir / "train" / uuid.uuid4().hex
    failures: list[Exception] = []

    def fit() -> None:
        try:
            _make_trainer(needs, config, notes).fit()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=fit, name="trainer")
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_POLL)
            if should_stop():
                (out / STOP).touch()
    finally:
        (out / STOP).touch()
        thread.join()
        shutil.rmtree(notes, ignore_errors=True)
    if failures:
        raise _explained(failures[0], should_stop())


def _make_trainer(needs: Needs, config: Mapping[str, Any], notes: Path) -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    each = {"CPU": needs.cpus} | ({"GPU": needs.gpus} if needs.gpus else {})
    return TorchTrainer(
        _work,
        train_loop_config=dict(config),
        scaling_config=ScalingConfig(
            num_workers=needs.workers, use_gpu=needs.gpus > 0, resources_per_worker=each
        ),
        run_config=RunConfig(
            name=notes.name,
            storage_path=str(notes.parent),
            failure_config=FailureConfig(max_failures=0),
        ),
    )


def _work(config: dict[str, Any]) -> None:
    """What each worker does."""
    import torch
    from ray.train.torch import get_device

    from ensemble_core.workers import DistributedWorkers
    from w2s_platform.stages.training import run_training

    torch.set_num_threads(config["threads"])
    workers, out = DistributedWorkers(), Path(config["job"].out)
    runtime = Runtime(
        data_root=config["data_root"],
        device=str(get_device()),
        threads=config["threads"],
        should_stop=StopFile(out / STOP),
    )
    if workers.rank == 0 and config["broker"] is not None:
        reporter = Reporter(config["broker"], config["key"])
        runtime = replace(runtime, on_progress=reporter.progress)
    trained = run_training(config["job"], workers, runtime)
    if workers.rank == 0:
        _write_trained(trained, out)


class StopFile:
    """Whether a file is there, looked up at most twice a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found = False
        self._looked = 0.0

    def __call__(self) -> bool:
        """Whether the file has been seen."""
        now = time.monotonic()
        if not self._found and now - self._looked >= _POLL:
            self._looked, self._found = now, self._path.exists()
        return self._found


def _write_trained(trained: "Trained", out: Path) -> None:
    """Keep it as JSON: a result without a checkpoint carries no metrics in Ray Train V2."""
    arrays = {"misses": trained.misses, "pretrained_misses": trained.pretrained_misses}
    described = {name: None if array is None else array.tolist() for name, array in arrays.items()}
    log = asdict(trained.log) | {"drawn": trained.log.drawn.tolist()}
    (out / TRAINED).write_text(json.dumps({"log": log, **described}))


def _read_trained(out: Path) -> "Trained":
    import numpy as np

    from ensemble_core.training import TrainingLog
    from w2s_platform.stages.training import Trained

    described = json.loads((out / TRAINED).read_text())
    drawn = np.array(described["log"]["drawn"], dtype=np.int64)
    log = TrainingLog(**described.pop("log") | {"drawn": drawn})
    return Trained(log, **{name: _booleans(values) for name, values in described.items()})


def _booleans(values: list[bool] | None) -> "np.ndarray | None":
    import numpy as np

    return None if values is None else np.array(values, dtype=bool)


def _explained(error: Exception, stopped: bool) -> Exception:
    """What to raise for a group that failed.

    The workers' own error comes first. Else, where any of them was lost, that is why the others
    failed too. A bare `RuntimeError` is a loss where torch.distributed raised it, as gloo does when
    a peer is gone; any other (shapes, types) would come again, and so counts as the work's.
    """
    if stopped:
        return CancelledError("training was stopped")
    failures: Mapping[int, Exception] = getattr(error, "worker_failures", {})
    found = [failures[rank] for rank in sorted(failures)]
    causes = [_cause(each) for each in found or [getattr(error, "controller_failure", error)]]
    if own := next((cause for cause in causes if isinstance(cause, W2SError)), None):
        return own
    if lost := next((cause for cause in causes if _is_loss(cause)), None):
        return ConnectionError(f"the workers of the training were lost: {_told(lost)}")
    return RuntimeError(f"a worker of the training failed: {_told(causes[0])}")


def _cause(error: Exception) -> BaseException:
    """What a worker raised, or died of, below what Ray wrapped around it."""
    for name in ("_base_exc", "health_check_failure", "cause"):
        if isinstance(inner := getattr(error, name, None), BaseException):
            return inner
    return error


def _is_loss(error: BaseException) -> bool:
    """Whether a machine, a process or a connection failed; what Ray itself raises is of those."""
    by_ray = type(error).__module__.partition(".")[0] == "ray"
    return by_ray or is_infrastructure(error) or _OF_THE_GROUP.search(str(error)) is not None


def _told(error: BaseException) -> str:
    """Its kind, and its first and last line: Ray's own errors fill a screen."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = " … ".join(shorten(line, 200) for line in dict.fromkeys([*lines[:1], *lines[-1:]]))
    return f"{type(error).__name__}: {told}" if told else type(error).__name__
