"""Which store a command means."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ensemble_core.errors import InputError

DEFAULT = "./.w2s"
VARIABLE = "W2S_STORE"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?=://|:/)|file(?=:)")


def resolve_root(url: str | None, environment: Mapping[str, str] | None = None) -> Path:
    """The store's directory: from the option, else `W2S_STORE`, else `./.w2s`.

    Args:
        url: A path or a `file:` URL.
        environment: Default: the process's.

    Raises:
        InputError: The URL is empty or of another scheme, or its path leads through a file.
    """
    environment = os.environ if environment is None else environment
    chosen = url if url is not None else environment.get(VARIABLE) or DEFAULT
    root = Path(os.path.abspath(_path_of(chosen).expanduser()))  # noqa: PTH100 (keeps links)
    _check_folder(root)
    return root


def _path_of(url: str) -> Path:
    if not url.strip():
        raise InputError("the store's URL is empty", hint="name a directory, such as ./.w2s")
    scheme = _SCHEME.match(url)
    if scheme is None:
        return Path(url)
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Path(unquote(parts.path))
    raise InputError(
        f"this version keeps stores in directories only, not at {scheme.group()}: URLs"
        if parts.scheme != "file"
        else "not a file: URL of this machine",
        where=url,
        hint="name a directory, such as ./.w2s or file:///data/w2s",
    )


def _check_folder(root: Path) -> None:
    for path in (root, *root.parents):
        try:
            if path.is_dir():
                return
            if path.exists():
                raise InputError(
                    "the store can't be here: this is a file",
                    where=str(path),
                    hint="name a directory with --store or W2S_STORE",
                )
        except PermissionError:
            return  # found again, and explained, at the first read or write
