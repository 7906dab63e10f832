"""A backend over objects in memory, with the operations of S3 and GCS and no others.

It shows that nothing above the backend needs a file system: files are uploaded when they are
sealed and downloaded when they are read, no two objects change in one step, and a name is a
string, not a folder.
"""

import itertools
import shutil
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from w2s_platform.store.backend import Blob, Guard


class ObjectBackend:
    def __init__(self, scratch: Path) -> None:
        self._objects: dict[str, Blob] = {}
        self._lock = threading.Lock()
        self._versions = itertools.count()
        self._work, self._cache = scratch / "work", scratch / "cache"
        self.url = f"memory:{id(self)}"

    def get(self, name: str) -> Blob | None:
        return self._objects.get(name)

    def put_new(
        self, name: str, data: bytes, guard: Guard | None = None, *, durable: bool = True
    ) -> str | None:
        if guard and not self._has(guard.name, guard.version):
            return None
        with self._lock:
            return None if name in self._objects else self._put(name, data)

    def replace(self, name: str, data: bytes, version: str, *, durable: bool = True) -> str | None:
        with self._lock:
            return self._put(name, data) if self._has(name, version) else None

    def delete(self, name: str, version: str | None = None) -> bool:
        with self._lock:
            if name not in self._objects or not (version is None or self._has(name, version)):
                return False
            del self._objects[name]
            return True

    def children(self, prefix: str) -> list[str]:
        folder = prefix.rpartition("/")[0]
        depth = len(folder.split("/")) + 1 if folder else 1
        found = {"/".join(name.split("/")[:depth]) for name in list(self._objects)
                 if name.startswith(prefix)}  # fmt: skip
        return sorted(found)

    def now(self) -> float:
        return time.time()

    def workspace(self, prefix: str) -> Path:
        path = self._work / prefix
        path.mkdir(parents=True)
        return path

    def seal(self, prefix: str, names: Iterable[str]) -> None:
        for name in names:
            with self._lock:
                self._put(prefix + name, (self._work / prefix / name).read_bytes())

    def local_path(self, name: str) -> Path:
        path = self._cache / name
        for found, blob in list(self._objects.items()):
            if found == name or found.startswith(name.rstrip("/") + "/"):
                copy = self._cache / found
                copy.parent.mkdir(parents=True, exist_ok=True)
                if not copy.exists() or copy.read_bytes() != blob.data:
                    copy.write_bytes(blob.data)
        return path

    def delete_tree(self, prefix: str) -> None:
        folder = prefix.rstrip("/") + "/"
        with self._lock:
            for name in [name for name in self._objects if name.startswith(folder)]:
                del self._objects[name]
        shutil.rmtree(self._work / prefix, ignore_errors=True)
        shutil.rmtree(self._cache / prefix, ignore_errors=True)

    def check_writable(self) -> None:
        pass

    def collect_temporary(self, older_than: float) -> int:
        return 0

    def _has(self, name: str, version: str) -> bool:
        return name in self._objects and self._objects[name].version == version

    def _put(self, name: str, data: bytes) -> str:
        blob = Blob(data, str(next(self._versions)), time.time())
        self._objects[name] = blob
        return blob.version
