"""Early cutoff: a stage whose inputs hold the same bytes as another's takes over its files.

Keys are known before anything runs, so they tell apart what turns out to be the same: an ensemble
of the first three of eight rounds and one of all three rounds; a test slice that no seed's
exclusions touched. The second such stage costs a link, not a run.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from w2s_platform.stage import Stage, canonical_json

if TYPE_CHECKING:
    from w2s_platform.store import Artifact, Lease, Manifest, Store

HISTORY = "history.json"
"""A file that tells how an artifact came about. No stage reads it, so what it says tells no two
inputs apart: which of the later rounds were rejected changes nothing for those who answer."""


def content_key(stage: Stage, manifests: "Mapping[str, Manifest]") -> str:
    """SHA-256 (64 hex digits) of what the stage does and of the bytes it reads.

    Args:
        stage: The stage.
        manifests: Input name → manifest of the input's artifact.
    """
    inputs = {name: files_digest(manifest) for name, manifest in manifests.items()}
    # Wrapped, so that it is never the stage's own key, which is leased too.
    return _digest({"content": stage.preimage | {"inputs": inputs}})


def files_digest(manifest: "Manifest") -> str:
    """SHA-256 of the files of an artifact that stages read: their names and checksums."""
    files = manifest.files.items()
    return _digest({name: entry.sha256 for name, entry in files if name != HISTORY})


@contextmanager
def only_worker(store: "Store", content: str, kind: str) -> Generator[bool]:
    """Hold the content key while its work is done; False where another stage is at it now.

    It is leased like a stage's key, but never published: two stages with the same content that
    start at the same moment would both do the work otherwise.
    """
    lease = store.acquire(content, kind)
    if lease is None:
        yield False
        return
    with lease:
        yield True


def find_same(store: "Store", content: str) -> "Artifact | None":
    """The artifact that a stage with this content key made, if there is one."""
    blob = store.backend.get(_name(content))
    return store.find(json.loads(blob.data)["key"]) if blob else None


def note(store: "Store", content: str, key: str) -> None:
    """Remember that the stage `key` did the work of this content key.

    Best effort: the artifact is there already, and without the note only time is lost.
    """
    with suppress(OSError):
        store.backend.put_new(_name(content), json.dumps({"key": key}).encode())


def take_over(artifact: "Artifact", lease: "Lease") -> None:
    """Put the artifact's files into the lease's directory: linked where the device can."""
    for name in artifact.manifest.files:
        target = lease.workdir / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = artifact.path(name)
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)


def _name(content: str) -> str:
    return f"contents/{content[:2]}/{content}.json"


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
