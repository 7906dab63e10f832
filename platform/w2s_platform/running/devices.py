"""Which device a worker computes on."""

import os
from collections.abc import Sequence

ALL_VISIBLE = {"RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES": "1"}
"""Environment of GPU workers.

Ray would set CUDA_VISIBLE_DEVICES for each task. A process that has used CUDA before ignores that,
so that a warm process would go on computing on the GPU of its first task. With every GPU visible
the task picks its own.
"""


def device_for(assigned: Sequence[str | int], visible: str | None) -> str:
    """The torch device of the first GPU that Ray assigned.

    Args:
        assigned: Ray's GPU ids of the task.
        visible: CUDA_VISIBLE_DEVICES of this process; torch counts within it.
    """
    if not assigned:
        return "cpu"
    first = str(assigned[0])
    listed = [one.strip() for one in visible.split(",")] if visible else []
    return f"cuda:{listed.index(first) if first in listed else int(first)}"


def task_device() -> str:
    """The torch device of the Ray task or actor that calls this."""
    import ray

    assigned = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
    return device_for(assigned, os.environ.get("CUDA_VISIBLE_DEVICES"))
