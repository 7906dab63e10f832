"""The data root, what lies below it, and what its files hold."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from ensemble_core.errors import InputError

VARIABLE = "W2S_DATA_DIR"


def data_root(option: str | Path | None = None) -> Path | None:
    """The folder of local question files: the option, else `W2S_DATA_DIR`, else none.

    Raises:
        InputError: It is not a folder.
    """
    given = option if option is not None else os.environ.get(VARIABLE) or None
    if given is None:
        return None
    path = Path(given).expanduser()
    if not path.is_dir():
        source = "--data-root" if option is not None else VARIABLE
        raise InputError(f"the data root of {source} is not a folder", where=str(path))
    return path


def below(root: Path, relative: str) -> Path:
    """A file below the data root, symbolic links followed.

    Raises:
        InputError: It lies outside, through a link.
    """
    path = (root / relative).resolve()
    if not path.is_relative_to(root.resolve()):
        hint = "copy the file below the data root"
        raise InputError("the file is a link out of the data root", where=relative, hint=hint)
    return path


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes (64 hex digits); read again only when the file has changed.

    Raises:
        InputError: The file can't be read.
    """
    try:
        state = path.stat()
        return _digest(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", where=str(path)) from None


@lru_cache(maxsize=1024)
def _digest(path: Path, modified: int, size: int) -> str:
    del modified, size  # they only tell the cache which state of the file it holds
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
