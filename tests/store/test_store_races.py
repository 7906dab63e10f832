"""Races: whoever comes at the same moment, each key is made once."""

import threading
from typing import Any

from store_helpers import in_child, is_whole, key_of, write_files

from w2s_platform.store import Lease, Store

KEY = key_of(1)


def test_threads_that_race_for_one_key_get_one_lease(any_store: Store):
    start = threading.Barrier(8)
    won: list[Lease] = []

    def race() -> None:
        start.wait()
        lease = any_store.acquire(KEY, "data")
        won.extend([lease] if lease else [])

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_two_processes_make_each_of_a_hundred_keys_once(store: Store):
    keys = [key_of(number) for number in range(100)]

    def work(connection: Any) -> None:
        made = 0
        connection.recv()
        for key in keys:
            lease = store.acquire(key, "data")
            if lease is None:
                continue
            with lease:
                write_files(lease.workdir, key, 100)
                with open(store.logs_dir / "made", "a") as log:  # noqa: PTH123
                    log.write(f"{key}\n")
                lease.publish()
                made += 1
        connection.send(made)

    store.logs_dir.mkdir(parents=True)
    children = [in_child(work) for _ in range(2)]
    for _, connection in children:
        connection.send("go")
    made = [connection.recv() for _, connection in children]
    for child, _ in children:
        child.join()
    assert sum(made) == 100
    assert sorted((store.logs_dir / "made").read_text().split()) == sorted(keys)
    assert all(is_whole(store.require(key), 100) for key in keys)
    assert all(store.require(key).manifest.token >= 1 for key in keys)
    assert store.collect_garbage() == 0
