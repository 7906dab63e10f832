"""Where stages stand must be quick to ask: plans, progress displays and dashboards do it often."""

import os
import time
from pathlib import Path

import pytest
from store_helpers import key_of, publish

from w2s_platform.store import Store, names

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def keys() -> list[str]:
    return [key_of(number) for number in range(50_000)]


def test_statuses_of_fifty_thousand_keys(store: Store, keys: list[str]):
    root = Path(store.backend.local_path(""))
    made: set[str] = set()
    for key in keys[:20_000]:  # what 20,000 artifacts look like to a listing
        for name in (names.manifest(key), names.lease(key)):
            folder, _, file = name.rpartition("/")
            if folder not in made:
                made.add(folder)
                (root / folder).mkdir(parents=True)
            os.mknod(f"{root}/{folder}/{file}")
    publish(store, keys[-1], size=10)
    running = store.acquire(keys[-2], "data")
    assert running is not None
    seconds: list[float] = []
    found = store.statuses(keys)
    for _ in range(3):
        start = time.perf_counter()
        found = store.statuses(keys)
        seconds.append(time.perf_counter() - start)

    assert min(seconds) < 1
    assert list(found) == keys
    assert sum(status == "done" for status in found.values()) == 20_001
    assert found[keys[-2]] == "running"


def test_small_artifact_is_published_quickly(store: Store):
    """Well under what any stage takes; the bound leaves room for a slow or busy disk."""
    seconds: list[float] = []
    for number in range(20):
        lease = store.acquire(key_of(number), "data")
        assert lease is not None
        (lease.workdir / "a.json").write_text("{}")
        start = time.perf_counter()
        lease.publish()
        seconds.append(time.perf_counter() - start)

    assert min(seconds) < 0.1
