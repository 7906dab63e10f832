"""A store in a directory, on one machine or on a file system that machines share."""

import errno
import fcntl
import hashlib
import math
import os
import shutil
import stat
import time
import uuid
import zlib
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from w2s_platform.store.backend import Blob, Guard

_LOCK_TIMEOUT = 60.0
_CLOCK_AGE = 60.0
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}


class LocalBackend:
    """Objects are files below a root.

    A write goes to a temporary file, is fsynced, and becomes visible by one link or rename.
    Conditional writes hold a file lock while they compare; the kernel drops it when the process
    dies.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._temporary = root / ".tmp"
        self._clock_read, self._clock_offset = -math.inf, 0.0

    @property
    def url(self) -> str:
        """A `file:` URL with the absolute path."""
        return self.root.as_uri()

    def get(self, name: str) -> Blob | None:
        """See `Backend.get`."""
        try:
            with Path(self.root, name).open("rb") as file:
                data, written = file.read(), os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None
        return Blob(data, _version(data), written)

    def put_new(
        self, name: str, data: bytes, guard: Guard | None = None, *, durable: bool = True
    ) -> str | None:
        """See `Backend.put_new`; the guard is checked in the same locked step."""
        path = self.root / name
        with self._written(data, durable) as temporary:
            _make_folder(path.parent)
            with self._locked(name, *([guard.name] if guard else [])):
                if guard and not self._has_version(guard.name, guard.version):
                    return None
                if not _link(temporary, path):
                    return None
        if durable:
            _fsync(path.parent)
        return _version(data)

    def replace(self, name: str, data: bytes, version: str, *, durable: bool = True) -> str | None:
        """See `Backend.replace`."""
        path = self.root / name
        with self._written(data, durable) as temporary, self._locked(name):
            if not self._has_version(name, version):
                return None
            temporary.replace(path)
        if durable:
            _fsync(path.parent)
        return _version(data)

    def delete(self, name: str, version: str | None = None) -> bool:
        """See `Backend.delete`."""
        path = self.root / name
        if not path.exists():
            return False
        with self._locked(name):
            if version is not None and not self._has_version(name, version):
                return False
            try:
                path.unlink()
            except FileNotFoundError:
                return False
        _fsync(path.parent)
        return True

    def children(self, prefix: str) -> list[str]:
        """See `Backend.children`."""
        folder, _, start = prefix.rpartition("/")
        try:
            found = os.listdir(self.root / folder)  # noqa: PTH208 (names are enough, and quicker)
        except FileNotFoundError:
            return []
        return [f"{folder}/{name}" for name in found if name.startswith(start)]

    def now(self) -> float:
        """The file server's clock, read from a file's time; our own where nothing can be written.

        Machines that share a file system may disagree about the time.
        """
        if time.monotonic() - self._clock_read > _CLOCK_AGE:
            self._clock_read = time.monotonic()
            self._clock_offset = self._server_time() - time.time()
        return time.time() + self._clock_offset

    def workspace(self, prefix: str) -> Path:
        """See `Backend.workspace`."""
        path = self.root / prefix
        _make_folder(path.parent)
        path.mkdir()
        return path

    def seal(self, prefix: str, names: Iterable[str]) -> None:
        """See `Backend.seal`: the files are in place, so they are only flushed to the device.

        A lab's members share its store: each file becomes as readable as its folder.
        """
        top = self.root / prefix
        paths = [top / name for name in names]
        for path in paths:
            let_read(path)
        folders = {parent for path in paths for parent in path.parents if top in parent.parents}
        for path in (*paths, *folders, top, top.parent):
            _fsync(path)

    def local_path(self, name: str) -> Path:
        """See `Backend.local_path`."""
        return self.root / name

    def delete_tree(self, prefix: str) -> None:
        """See `Backend.delete_tree`; it disappears at once, whatever happens to us meanwhile."""
        grave = self._temporary / uuid.uuid4().hex
        _make_folder(self._temporary)
        with suppress(FileNotFoundError):
            (self.root / prefix).rename(grave)
        shutil.rmtree(grave, ignore_errors=True)

    def check_writable(self) -> None:
        """See `Backend.check_writable`."""
        with self._written(b"probe"):
            pass

    def collect_temporary(self, older_than: float) -> int:
        """See `Backend.collect_temporary`."""
        if not self._temporary.is_dir():
            return 0
        deadline = time.time() - older_than
        old = [path for path in self._temporary.iterdir() if _modified(path) < deadline]
        for path in old:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(True)
        return len(old)

    def _server_time(self) -> float:
        try:
            with self._written(b"") as probe:
                return probe.stat().st_mtime
        except OSError:
            return time.time()

    def _has_version(self, name: str, version: str) -> bool:
        blob = self.get(name)
        return blob is not None and blob.version == version

    @contextmanager
    def _written(self, data: bytes, durable: bool = False) -> Generator[Path]:
        """A temporary file with this content; gone afterwards."""
        _make_folder(self._temporary)
        path = self._temporary / uuid.uuid4().hex
        try:
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self, *names: str) -> Generator[None]:
        """Hold the locks of these names. Always in one order, so that no two wait in a circle."""
        numbers = sorted({zlib.crc32(name.encode()) % 256 for name in names})
        _make_folder(self.root / ".locks")
        with ExitStack() as stack:
            for number in numbers:
                stack.enter_context(_flock(self.root / ".locks" / f"{number:02x}"))
            yield


@contextmanager
def _flock(path: Path) -> Generator[None]:
    """Hold a file lock.

    Raises:
        TimeoutError: Its holder, alive but stopped, has kept it for a minute.
    """
    with path.open("ab") as file:
        deadline, pause = time.monotonic() + _LOCK_TIMEOUT, 0.0005
        while not _try_flock(file.fileno()):
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "another process keeps a lock", str(path))
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
        yield


def let_read(path: Path) -> None:
    """Let those read a file who may read its folder: some libraries write for the owner only."""
    mode = path.stat().st_mode
    wanted = mode | (path.parent.stat().st_mode & 0o444)
    if wanted != mode:
        with suppress(PermissionError):  # a file that is linked from another member's is theirs
            path.chmod(stat.S_IMODE(wanted))


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _link(temporary: Path, path: Path) -> bool:
    """Give the file its name, if the name is free. Called with the name's lock held."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():  # a file system without hard links: the lock makes the two steps one
            return False
        temporary.replace(path)
    return True


def _make_folder(path: Path) -> None:
    """Create a folder and its parents; each lasts through a power failure."""
    if path.is_dir():
        return
    if path.parent != path:
        _make_folder(path.parent)
    with suppress(FileExistsError):
        path.mkdir()
        _fsync(path.parent)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # no fsync for folders there
            raise
    finally:
        os.close(descriptor)


def _modified(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:  # its writer was done
        return math.inf


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
