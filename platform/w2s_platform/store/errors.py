"""Errors of the store, and what the operating system's errors mean for a user."""

import errno
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ensemble_core.errors import CancelledError, InputError, StageError, W2SError


class StoreError(StageError):
    """The store's device failed (full disk, I/O error). The same stage can succeed later."""


class LeaseLostError(CancelledError):
    """Another owner has taken the stage over; this one's work can't be published."""


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_A_FOLDER = {errno.ENOTDIR, errno.EEXIST}


def explain(error: OSError, where: str) -> W2SError:
    """What a device's error means for the user, and what to do; to be raised instead.

    Args:
        error: What was raised while the store was read or written.
        where: The store's place, for errors that name no file.
    """
    place = _place(error, where)
    if error.errno in _DENIED:
        return InputError(
            f"the store can't be used: {error.strerror}",
            where=place,
            hint="allow this user to read and write there, or name another store with --store "
            "or W2S_STORE",
        )
    if error.errno in _NOT_A_FOLDER:
        return InputError(
            "the store can't be here: a part of its path is a file",
            where=place,
            hint="name a directory with --store or W2S_STORE",
        )
    return explain_full(error, place) or StoreError(
        f"the store's device failed: {error.strerror or error}",
        where=place,
        hint="finished stages are kept; run again when the device works",
    )


def explain_full(error: BaseException, where: str) -> StoreError | None:
    """The error to raise instead where a disk is full (or a quota used up); else None.

    Libraries that write files wrap the operating system's error, so its text is read too.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number not in _FULL and "No space left on device" not in str(error):
        return None
    return StoreError(
        "no space left to write to",
        where=_place(error, where),
        hint="free some space, or name another store with --store or W2S_STORE; "
        "finished stages are kept, run again to go on",
    )


@contextmanager
def explained(where: str) -> Generator[None]:
    """Raise errors of the device as `StoreError` or `InputError` that say what to do."""
    try:
        yield
    except OSError as error:
        raise explain(error, where) from error


def _place(error: BaseException, where: str) -> str:
    name = getattr(error, "filename", None)
    return str(name) if isinstance(name, (str, Path)) and Path(name).is_absolute() else where
