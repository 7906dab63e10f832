"""Look for damage among finished stages before a run takes them for granted."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from w2s_platform.store import Store

READ_AT_ONCE = 2 * 2**30
"""Bytes that a run reads to verify what it found, about two seconds' worth.

Measurements are small and come first; large models beyond this are verified when a stage reads
them, as everything is.
"""


def find_unsound(store: "Store", keys: Iterable[str], limit: int = READ_AT_ONCE) -> set[str]:
    """The keys whose artifacts are damaged; the look sets them aside, to be made again.

    Args:
        store: The store.
        keys: Finished stages.
        limit: Bytes to read, smallest artifacts first.
    """
    unsound: set[str] = set()
    read = 0
    for size, key in sorted((_size(store, key), key) for key in keys):
        read += size
        if read > limit:
            break
        if store.find(key) is None:
            unsound.add(key)
    return unsound


def _size(store: "Store", key: str) -> int:
    """Bytes of an artifact; 0 where its manifest is damaged too."""
    manifest = store.manifest(key)
    return sum(entry.bytes for entry in manifest.files.values()) if manifest else 0
