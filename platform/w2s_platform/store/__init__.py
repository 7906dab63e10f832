"""The store of artifacts: found by key, made once, never half there."""

from w2s_platform.store.artifact import Artifact
from w2s_platform.store.attempts import Attempt
from w2s_platform.store.errors import LeaseLostError, StoreError, explain_full
from w2s_platform.store.lease import Lease
from w2s_platform.store.manifest import Cost, FileEntry, GitState, Manifest, Provenance
from w2s_platform.store.provenance import collect as collect_provenance
from w2s_platform.store.quarantine import Quarantined
from w2s_platform.store.status import Status
from w2s_platform.store.store import Store, open_store

__all__ = [
    "Artifact",
    "Attempt",
    "Cost",
    "FileEntry",
    "GitState",
    "Lease",
    "LeaseLostError",
    "Manifest",
    "Provenance",
    "Quarantined",
    "Status",
    "Store",
    "StoreError",
    "collect_provenance",
    "explain_full",
    "open_store",
]
