"""A committed artifact, and the check that its files are what the manifest says."""

import hashlib
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ensemble_core.errors import StageError
from w2s_platform.store import names
from w2s_platform.store.backend import Backend
from w2s_platform.store.manifest import FileEntry, Manifest


@dataclass(frozen=True)
class Artifact:
    """What a stage wrote; read only."""

    manifest: Manifest
    backend: Backend

    @property
    def key(self) -> str:
        """The stage's key."""
        return self.manifest.key

    @property
    def kind(self) -> str:
        """The stage's kind."""
        return self.manifest.kind

    def path(self, name: str = "") -> Path:
        """Where a file of the artifact, a folder of it, or the whole of it can be read.

        Raises:
            StageError: The artifact has no such file or folder.
        """
        prefix = names.attempt(self.key, self.manifest.attempt)
        files = self.manifest.files
        if name and name not in files and not any(file.startswith(f"{name}/") for file in files):
            raise StageError(
                f"artifact {self.key[:12]} ({self.kind}) has no file {name!r}; "
                f"it has {', '.join(sorted(files)) or 'none'}"
            )
        return self.backend.local_path(prefix + name)


Marks = tuple[tuple[int, int], ...]
"""Sizes and modification times (ns) of an artifact's files, in the order of their names."""


def take_inventory(folder: Path) -> dict[str, FileEntry]:
    """Size and SHA-256 of every file below the folder.

    Raises:
        StageError: Something there is not a plain file (a link would not survive a copy).
    """
    entries: dict[str, FileEntry] = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise StageError("an artifact holds plain files only", where=str(path))
        entries[path.relative_to(folder).as_posix()] = measure(path)
    return entries


def measure(path: Path) -> FileEntry:
    """Size in bytes and SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(bytes=file.tell(), sha256=digest)


def find_damage(files: Mapping[str, FileEntry], locate: Callable[[str], Path]) -> str | None:
    """In plain words, the first way in which the files differ from their entries; None if none.

    Raises:
        OSError: A file could not be read; that is no proof of damage.
    """
    for name, entry in files.items():
        path = locate(name)
        try:
            size = path.stat().st_size
            if size != entry.bytes:
                return f"its file {name} has {size} bytes instead of {entry.bytes}"
            if measure(path).sha256 != entry.sha256:
                return f"its file {name} was changed: the checksum differs"
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return f"its file {name} is missing"
    return None


def take_marks(files: Mapping[str, FileEntry], locate: Callable[[str], Path]) -> Marks | None:
    """What shows, without reading them, that files changed since; None where one is missing."""
    try:
        stats = [locate(name).stat() for name in sorted(files)]
    except (FileNotFoundError, NotADirectoryError):
        return None
    return tuple((found.st_size, found.st_mtime_ns) for found in stats)
