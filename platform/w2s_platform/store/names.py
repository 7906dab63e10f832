"""Where things lie in a store: one place that knows its layout.

    store.json                              the layout's format version
    manifests/<kk>/<key>.json               commits an artifact
    attempts/<kk>/<key>/<attempt>/…         an artifact's files, or an attempt at work
    leases/<kk>/<key>.json                  who works on it, and the last fencing token
    failures/<kk>/<key>.<attempt>.json      failed attempts that count
    past/<kk>/<key>.<attempt>.json          abandoned attempts, and failures that were cleared
    quarantine/<kk>/<key>.<version>.json    manifests that could not be trusted, and why
    sweeps/<name>/<content key>.json        ledgers; newest.json points to the last one
    logs/

`<kk>` are the key's first two hex digits, so that no folder grows beyond a few hundred names.
"""

import re
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from ensemble_core.errors import InputError

MARKER = "store.json"
SHARDS = tuple(f"{number:02x}" for number in range(256))
_KEY = re.compile(r"[0-9a-f]{64}")


def check_key(key: str) -> str:
    """The key itself.

    Raises:
        InputError: It is not 64 hex digits; no other text may become part of a path.
    """
    if not _KEY.fullmatch(key):
        raise InputError(f"not a stage key: {key[:80]!r}", hint="a key has 64 hex digits")
    return key


def manifest(key: str) -> str:
    """The object that commits the artifact."""
    return f"{manifests(key[:2])}{check_key(key)}.json"


def manifests(shard: str) -> str:
    """Prefix of a shard's manifests."""
    return f"manifests/{shard}/"


def lease(key: str) -> str:
    """The object that says who works on the key."""
    return f"{leases(key[:2])}{check_key(key)}.json"


def leases(shard: str) -> str:
    """Prefix of a shard's leases."""
    return f"leases/{shard}/"


def attempts(key: str) -> str:
    """Prefix of the folders of all the key's attempts."""
    return f"attempts/{key[:2]}/{check_key(key)}/"


def attempt(key: str, attempt_id: str) -> str:
    """Prefix of one attempt's files."""
    return f"{attempts(key)}{attempt_id}/"


def failures(shard: str) -> str:
    """Prefix of a shard's failures."""
    return f"failures/{shard}/"


def failure(key: str, attempt_id: str = "") -> str:
    """One failure's record; without an attempt, the prefix of all the key's failures."""
    return _record("failures", key, attempt_id)


def past(key: str, attempt_id: str = "") -> str:
    """Like `failure`, for attempts that no longer count."""
    return _record("past", key, attempt_id)


def quarantined(key: str, version: str = "") -> str:
    """Like `failure`, for a manifest that was set aside."""
    return _record("quarantine", key, version)


def log(key: str, attempt_id: str) -> str:
    """An attempt's log file, below the store's folder of logs."""
    return f"{key[:2]}/{check_key(key)}/{attempt_id}.log"


def key_of(name: str) -> str:
    """The key that an object's name is about."""
    return name.rpartition("/")[2].partition(".")[0]


def sweep(name: str) -> str:
    """Prefix of a sweep's ledgers. Any text is a name; none can leave the folder."""
    if not name:
        raise InputError("a sweep needs a name")
    return f"sweeps/{quote(name, safe=' ').replace('.', '%2E')}/"


def sweep_of(folder: str) -> str:
    """The sweep's name from its folder; the inverse of `sweep`."""
    return unquote(folder.rstrip("/").rpartition("/")[2])


def is_safe_file(name: str) -> bool:
    """Whether a file's name stays inside its artifact."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _record(folder: str, key: str, attempt_id: str) -> str:
    return f"{folder}/{key[:2]}/{check_key(key)}." + (f"{attempt_id}.json" if attempt_id else "")
