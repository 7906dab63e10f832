"""Data-parallel workers: each takes its share of every global batch; gradients are summed.

One process is the trivial case, so the training function is the same for both. The distributed
case uses the process group that exists, whoever made it (Ray Train's `TorchTrainer`, `torchrun`,
or plain gloo).
"""

from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Workers(Protocol):
    """Who trains together."""

    @property
    def rank(self) -> int:
        """This worker, from 0."""
        ...

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def all_reduce_sum(self, tensor: Tensor) -> None:
        """Replace the tensor, in place and on every worker, by the sum over workers."""
        ...

    def prepare(self, model: nn.Module) -> None:
        """Give every worker rank 0's parameters and buffers."""
        ...


class SingleWorker:
    """One process."""

    rank = 0
    size = 1

    def all_reduce_sum(self, tensor: Tensor) -> None:
        """Nothing to add."""

    def prepare(self, model: nn.Module) -> None:
        """Nothing to share."""


class DistributedWorkers:
    """The workers of torch.distributed's default process group.

    Raises:
        RuntimeError: There is no process group.
    """

    def __init__(self) -> None:
        if not dist.is_initialized():
            raise RuntimeError("torch.distributed has no process group yet")
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()

    def all_reduce_sum(self, tensor: Tensor) -> None:
        """See `Workers`."""
        dist.all_reduce(tensor)

    def prepare(self, model: nn.Module) -> None:
        """See `Workers`."""
        with torch.no_grad():
            for tensor in (*model.parameters(), *model.buffers()):
                dist.broadcast(tensor.data, src=0)


SINGLE: Workers = SingleWorker()


def current_workers() -> Workers:
    """The process group's workers where there is one, else the one process."""
    available = dist.is_available() and dist.is_initialized()
    return DistributedWorkers() if available else SINGLE
