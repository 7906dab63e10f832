"""Garbage: files of attempts that became no artifact and that nobody works on."""

from w2s_platform.store import names
from w2s_platform.store.backend import Backend
from w2s_platform.store.leases import LeaseBook
from w2s_platform.store.manifest import parse_manifest
from w2s_platform.store.records import DamagedRecordError

_TEMPORARY_AGE = 24 * 3600.0


def collect_temporary(backend: Backend) -> int:
    """Delete files that no writer of today can still be writing; how many."""
    return backend.collect_temporary(_TEMPORARY_AGE)


def drop_other_attempts(backend: Backend, key: str, keep: str) -> None:
    """Delete the files of all the key's attempts but one. Only for the holder of its lease."""
    for name in backend.children(names.attempts(key)):
        if not name.endswith(f"/{keep}"):
            backend.delete_tree(name)


def collect_garbage(backend: Backend) -> int:
    """Delete what killed processes left behind; how many attempts and temporary files.

    Safe while others work: an attempt's folder is made by the lease's holder, and the folders
    are listed before the lease and the manifest are read.
    """
    collected = collect_temporary(backend)
    for shard in backend.children("attempts/"):
        for folder in backend.children(f"{shard}/"):
            collected += _collect_key(backend, names.key_of(folder))
    return collected


def _collect_key(backend: Backend, key: str) -> int:
    attempts = backend.children(names.attempts(key))
    lease = LeaseBook(backend).read(key)
    if lease and lease.live:
        return 0
    committed = _committed_attempt(backend, key)
    garbage = [name for name in attempts if committed is None or not name.endswith(committed)]
    for name in garbage:
        backend.delete_tree(name)
    return len(garbage)


def _committed_attempt(backend: Backend, key: str) -> str | None:
    blob = backend.get(names.manifest(key))
    if blob is None:
        return None
    try:
        return "/" + parse_manifest(blob.data, key, key).attempt
    except DamagedRecordError:
        return None
