"""Where stages stand, from listings: quick for tens of thousands of keys."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

from w2s_platform.store import names
from w2s_platform.store.backend import Backend
from w2s_platform.store.leases import LeaseBook

Status = Literal["done", "running", "failed", "to_run"]


def read_statuses(backend: Backend, keys: Iterable[str]) -> dict[str, Status]:
    """The status of each key; of several that apply, the first of done, running, failed, to_run.

    `done` means that there is a manifest; it is verified when somebody reads the artifact.
    """
    shards: defaultdict[str, list[str]] = defaultdict(list)
    found: dict[str, Status] = {}
    for key in keys:
        found[key] = "to_run"  # in the caller's order
        shards[names.check_key(key)[:2]].append(key)
    for shard, members in shards.items():
        found.update(_shard_statuses(backend, shard, members))
    return found


def _shard_statuses(backend: Backend, shard: str, keys: list[str]) -> Iterator[tuple[str, Status]]:
    done = _listed(backend, names.manifests(shard))
    leased: set[str] | None = None
    failed: set[str] = set()
    book = LeaseBook(backend)
    for key in keys:
        if key in done:
            yield key, "done"
            continue
        if leased is None:
            leased = _listed(backend, names.leases(shard))
            failed = _listed(backend, names.failures(shard))
        lease = book.read(key) if key in leased else None
        if lease and lease.live:
            yield key, "running"
        elif key in failed:
            yield key, "failed"


def _listed(backend: Backend, prefix: str) -> set[str]:
    return {names.key_of(name) for name in backend.children(prefix)}
