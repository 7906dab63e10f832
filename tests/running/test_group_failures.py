"""What a failed group of workers means: a mistake that comes again, or a machine that was lost."""

import pytest
import torch
import torch.distributed as dist

from ensemble_core.errors import CancelledError, DivergedError
from w2s_platform.running.torch_trainer import _explained

GLOO = RuntimeError(
    "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer "
    "[127.0.0.1]:13216. This is typically caused by a remote worker crashing."
)
NCCL = dist.DistBackendError("NCCL error in: ProcessGroupNCCL.cpp:3690, remote process exited")
SHAPES = RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def death() -> Exception:
    """As Ray Train tells of a worker whose process is gone."""
    from ray.exceptions import RayActorError
    from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError

    died = RayActorError(error_msg="The actor died.\n\tpid: 7\nkilled by the OOM killer")
    return WorkerHealthCheckFailedError("A worker health check failed.\nWorker info: …", died)


def explained(*failures: Exception, stopped: bool = False) -> Exception:
    """What is made of a group whose workers ended like this."""
    from ray.train.v2.api.exceptions import WorkerGroupError

    return _explained(WorkerGroupError("…", dict(enumerate(failures))), stopped)


@pytest.mark.parametrize(
    "beside", [(), (GLOO,), (NCCL,), (SHAPES,)], ids=["alone", "gloo", "nccl", "another error"]
)
def test_a_death_is_the_machines_fault_whatever_the_other_workers_raise(
    beside: tuple[Exception, ...],
) -> None:
    for failures in ((*beside, death()), (death(), *beside)):
        assert isinstance(explained(*failures), ConnectionError)
    assert "RayActorError: The actor died. … killed by the OOM killer" in str(explained(death()))


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (GLOO, "Connection closed by peer"),
        (NCCL, "remote process exited"),
        (torch.AcceleratorError("CUDA error: ECC"), "ECC"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out of memory"),
    ],
)
def test_a_broken_connection_or_gpu_is_too(error: Exception, word: str) -> None:
    found = explained(error)
    assert isinstance(found, ConnectionError)
    assert word in str(found)


def test_what_the_training_says_itself_comes_first() -> None:
    own = DivergedError("the loss is not finite")
    assert explained(GLOO, death(), own) is own
    assert isinstance(explained(death(), stopped=True), CancelledError)


@pytest.mark.parametrize("error", [SHAPES, KeyError("loss")])
def test_any_other_error_of_a_worker_comes_again(error: Exception) -> None:
    found = explained(error)
    assert type(found) is RuntimeError
    assert f"{type(error).__name__}: {error}" in str(found)


def test_a_group_that_could_not_start_says_why() -> None:
    from ray.train.v2._internal.exceptions import InsufficientClusterResourcesError
    from ray.train.v2.api.exceptions import ControllerError

    lacking = InsufficientClusterResourcesError(
        "Insufficient cluster resources to launch training workers.\n"
        'The worker group requires {"GPU": 8} but the cluster only has {"GPU": 4}.\n'
        "Please reduce `num_workers`."
    )
    found = _explained(ControllerError(lacking), stopped=False)
    assert isinstance(found, ConnectionError)
    assert "Insufficient cluster resources to launch training workers. … Please" in str(found)


def test_the_reason_fits_on_a_line() -> None:
    text = str(explained(RuntimeError("\n".join("many words " * 50 for _ in range(100)))))
    assert len(text) < 500
    assert "\n" not in text
