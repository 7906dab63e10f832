"""Which failures are the machine's and may go away; all others come again."""

import sys
from collections.abc import Iterator

from ensemble_core.errors import W2SError

_TORCH = (
    ("torch", "OutOfMemoryError"),
    ("torch", "AcceleratorError"),
    ("torch.distributed", "DistError"),
)
"""Module and name of torch's errors about devices and connections. They are `RuntimeError`s, as
its errors about shapes and types are."""


def is_infrastructure(error: BaseException) -> bool:
    """Whether a device, the memory or a connection failed, and not the work itself."""
    from w2s_platform.store import StoreError

    return (
        isinstance(error, StoreError | MemoryError | ConnectionError | TimeoutError)
        or (isinstance(error, OSError) and not isinstance(error, W2SError))
        or _comes_from(error, *_TORCH)
    )


def breaks_process(error: BaseException) -> bool:
    """Whether the process can't use its GPU any more: after a fault every CUDA call fails."""
    return _comes_from(error, ("torch", "AcceleratorError"))


def _comes_from(error: BaseException, *kinds: tuple[str, str]) -> bool:
    """Whether it, or what it was raised from, is of one of these kinds.

    Loaders of models wrap whatever went wrong. A module that nobody has imported raised nothing.
    """
    found = [getattr(sys.modules.get(module), name, None) for module, name in kinds]
    known = tuple(kind for kind in found if kind is not None)  # older versions lack some
    return any(isinstance(each, known) for each in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
