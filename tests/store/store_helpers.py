"""Artifacts to test with: their content is decided by their key, as a stage's output is."""

import hashlib
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from w2s_platform.store import Artifact, Lease, Store, names

fork = multiprocessing.get_context("fork")


def key_of(number: int) -> str:
    return hashlib.sha256(f"key {number}".encode()).hexdigest()


def content_of(key: str, name: str, size: int = 3000) -> bytes:
    return hashlib.shake_256(f"{key}/{name}".encode()).digest(size)


FILES = ("weights.bin", "tables/rows.bin", "meta.json")


def write_files(workdir: Path, key: str, size: int = 3000) -> None:
    for name in FILES:
        path = workdir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content_of(key, name, size))


def publish(store: Store, key: str, kind: str = "data", size: int = 3000) -> Artifact:
    lease = store.acquire(key, kind)
    assert lease is not None
    with lease:
        write_files(lease.workdir, key, size)
        return lease.publish(preimage={"key": key})


def is_whole(artifact: Artifact, size: int = 3000) -> bool:
    return all(
        artifact.path(name).read_bytes() == content_of(artifact.key, name, size) for name in FILES
    )


def damage(store: Store, key: str) -> None:
    """Overwrite one of the artifact's files, behind the store's back."""
    name = names.attempt(key, store.require(key).manifest.attempt) + "meta.json"
    store.backend.delete(name)
    store.backend.put_new(name, b"damaged")


def acquire(store: Store, key: str | None = None) -> Lease:
    lease = store.acquire(key or key_of(1), "data")
    assert lease is not None
    return lease


def in_child(work: Callable[[Any], None]) -> Any:
    """A forked process that runs `work(connection)`, and our end of the connection."""
    here, there = fork.Pipe()
    child = fork.Process(target=work, args=(there,), daemon=True)
    child.start()
    return child, here
