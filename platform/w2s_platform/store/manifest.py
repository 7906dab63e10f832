"""The manifest: what commits an artifact, and all that is known about how it was made."""

from typing import Annotated, Any

from pydantic import Field, FiniteFloat

from w2s_platform.store import names, records
from w2s_platform.store.records import DamagedRecordError, Record

FORMAT = 1
"""Raised when an older version of this code could not read the manifests any more."""


class FileEntry(Record):
    """One file of an artifact."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Cost(Record):
    """What one attempt at a stage used."""

    wall_seconds: FiniteFloat = 0.0
    device_seconds: FiniteFloat = 0.0
    """Wall seconds times the devices held: GPUs (or shares of one) over all workers, and where it
    holds none, its worker processes, however many cores each has. `device_hours` counts alike."""
    tokens: int = 0
    """Tokens that went through a model, forward only or forward and backward."""
    flops: FiniteFloat = 0.0
    peak_memory_bytes: int = 0
    """Of the device where there is one, else of the process."""


class GitState(Record):
    """The code that was run, as far as git knows it."""

    commit: str
    dirty: bool
    """Whether tracked files differed from the commit."""


class Provenance(Record):
    """Where an artifact comes from."""

    git: GitState | None = None
    """None where the working directory belongs to no git project."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Package → version, Python's own as `python`."""
    host: str = ""
    device: str = ""


class Manifest(Record):
    """What a reader trusts, once the files' sizes and checksums were verified."""

    key: str
    kind: str
    preimage: dict[str, Any]
    """What the key is the hash of."""
    files: dict[str, FileEntry]
    """Name inside the artifact, with `/` between folders → size and checksum."""
    attempt: str
    token: int
    """The fencing token under which it was published."""
    provenance: Provenance
    cost: Cost
    created: str
    """ISO 8601, UTC."""


def dump_manifest(manifest: Manifest) -> bytes:
    """The manifest's text."""
    return records.dump(manifest, FORMAT)


def parse_manifest(data: bytes, key: str, where: str) -> Manifest:
    """Read the manifest of `key`.

    Raises:
        DamagedRecordError: It is cut off, changed, or another key's.
        InputError: A newer version of the project wrote it.
    """
    manifest = records.parse(Manifest, data, FORMAT, where)
    if manifest.key != key:
        raise DamagedRecordError(f"it belongs to another key, {manifest.key[:12]}")
    for name in manifest.files:
        if not names.is_safe_file(name):
            raise DamagedRecordError(f"it names a file outside the artifact, {name!r}")
    return manifest
