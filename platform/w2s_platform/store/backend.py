"""What a store needs from the place that holds it: the seam for object stores.

Names are `/`-separated and relative. The operations are those that S3 and GCS have too:
conditional puts, conditional deletes and listing by prefix. Only `local_path` and `workspace`
hand out paths of the file system.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Blob:
    """A small object as it was read."""

    data: bytes
    version: str
    """Changes with every write; what conditional writes compare (an ETag, a generation)."""
    written: float
    """When it was written, in seconds, by the clock of `Backend.now`."""


@dataclass(frozen=True)
class Guard:
    """A condition of a put: the object `name` still has this version."""

    name: str
    version: str


class Backend(Protocol):
    """Holds named objects. Errors of the device come out as `OSError`."""

    @property
    def url(self) -> str:
        """Opens the same store from another process, whatever its working directory."""
        ...

    def get(self, name: str) -> Blob | None:
        """The whole object, or None where there is none."""
        ...

    def put_new(
        self, name: str, data: bytes, guard: Guard | None = None, *, durable: bool = True
    ) -> str | None:
        """Create the object atomically; its version, or None if it wasn't made.

        It is not made where the name exists already or the guard does not hold. A backend that
        can't check the guard in the same atomic step checks it just before: a key decides its
        artifact's content, so a late publisher then wastes work but breaks nothing.

        Args:
            name: The object.
            data: All of it.
            guard: A condition beside the name's being free.
            durable: Whether it must outlast a power failure from the moment this returns.
        """
        ...

    def replace(self, name: str, data: bytes, version: str, *, durable: bool = True) -> str | None:
        """Overwrite the object if it has this version; the new version, or None if it hasn't."""
        ...

    def delete(self, name: str, version: str | None = None) -> bool:
        """Delete the object, if it has this version where one is given; whether it was there."""
        ...

    def children(self, prefix: str) -> list[str]:
        """Names that begin with `prefix`, up to the next `/`: objects and folders, unordered."""
        ...

    def now(self) -> float:
        """The clock that `Blob.written` is read from, in seconds."""
        ...

    def workspace(self, prefix: str) -> Path:
        """A new local directory in which to write the objects below `prefix`."""
        ...

    def seal(self, prefix: str, names: Iterable[str]) -> None:
        """Make these files of the prefix's workspace durable and readable."""
        ...

    def local_path(self, name: str) -> Path:
        """Where the object, or the folder of objects, can be read as files."""
        ...

    def delete_tree(self, prefix: str) -> None:
        """Delete everything below the prefix, its workspace included."""
        ...

    def check_writable(self) -> None:
        """Create the place if need be and try to write to it."""
        ...

    def collect_temporary(self, older_than: float) -> int:
        """Delete what killed writers left half done, `older_than` seconds ago; how many."""
        ...
