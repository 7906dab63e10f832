"""Leases: one owner at a time, and none that was replaced can publish."""

import os
import signal
import threading
import time
from typing import Any

import pytest
from store_helpers import acquire, damage, in_child, is_whole, key_of, publish, write_files

from w2s_platform.store import Lease, LeaseLostError, Store, names, open_store, owners, records
from w2s_platform.store.leases import FORMAT, LeaseBook, LeaseRecord
from w2s_platform.store.owners import this_process

pytestmark = [
    pytest.mark.alone,  # leases of a fifth of a second are to be renewed in time
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
]
KEY = key_of(1)


def rewrite_lease(store: Store, **changes: Any) -> None:
    """Change what the lease says, as another machine's would."""
    found = LeaseBook(store.backend).read(KEY)
    assert found is not None
    assert found.record is not None
    record = found.record.model_copy(update=changes)
    data = records.dump(record, FORMAT)
    assert store.backend.replace(names.lease(KEY), data, found.version)


def on_another_host(store: Store) -> dict[str, Any]:
    found = LeaseBook(store.backend).read(KEY)
    assert found is not None
    assert found.record is not None
    return {"owner": found.record.owner.model_copy(update={"host": "elsewhere", "pid": 1})}


def test_one_owner_at_a_time(any_store: Store):
    lease = acquire(any_store)
    assert any_store.acquire(KEY, "data") is None
    assert any_store.status(KEY) == "running"
    assert any_store.acquire(key_of(2), "data") is not None
    lease.release()
    assert any_store.status(KEY) == "to_run"
    assert acquire(any_store).token == lease.token + 1


def test_nothing_to_acquire_where_the_artifact_exists(any_store: Store):
    publish(any_store, KEY)
    assert any_store.acquire(KEY, "data") is None
    assert any_store.status(KEY) == "done"


def test_tokens_grow_through_every_kind_of_ending(any_store: Store):
    tokens: list[int] = []
    for ending in range(6):
        lease = acquire(any_store)
        tokens.append(lease.token)
        if ending % 3 == 0:
            lease.fail("no luck", deterministic=False)
        elif ending % 3 == 1:
            lease.release()
        else:
            with lease:
                write_files(lease.workdir, KEY)
                lease.publish()
            damage(any_store, KEY)
            assert any_store.find(KEY) is None
    assert tokens == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("damage", [b"", b'{"format": 1, "key": "', b"null"])
def test_tokens_grow_past_a_damaged_lease(store: Store, damage: bytes):
    for _ in range(3):
        acquire(store).fail("no luck", deterministic=False)
    store.backend.local_path(names.lease(KEY)).write_bytes(damage)
    assert store.status(KEY) == "failed"
    assert acquire(store).token == 4


def test_renewal_keeps_a_lease_beyond_its_time(any_store: Store):
    any_store.lease_ttl = 0.9
    with acquire(any_store) as lease:
        for _ in range(3):
            time.sleep(0.4)
            assert any_store.acquire(KEY, "data") is None
        assert not lease.lost.is_set()
        write_files(lease.workdir, KEY)
        assert is_whole(lease.publish())


def test_silent_owner_is_replaced_and_cannot_publish(any_store: Store):
    any_store.lease_ttl = 0.2
    silent = acquire(any_store)  # nobody renews it
    write_files(silent.workdir, KEY)
    time.sleep(0.25)
    assert any_store.status(KEY) == "to_run"
    successor = acquire(any_store)
    assert successor.token == silent.token + 1
    with pytest.raises(LeaseLostError, match="taken over"):
        silent.publish()
    assert silent.lost.is_set()
    assert any_store.find(KEY) is None
    write_files(successor.workdir, KEY)
    assert is_whole(successor.publish())


def test_replaced_owner_cannot_publish_even_in_the_last_step(any_store: Store):
    """It is replaced after its files were sealed, between two renewals."""
    lease = acquire(any_store)
    write_files(lease.workdir, KEY)
    seal = any_store.backend.seal

    def seal_slowly(prefix: str, sealed: Any) -> None:
        seal(prefix, sealed)
        rewrite_lease(any_store, token=lease.token + 1, attempt="000002-cafe")

    any_store.backend.seal = seal_slowly  # type: ignore[method-assign]
    with pytest.raises(LeaseLostError):
        lease.publish()
    assert any_store.find(KEY) is None


def test_heartbeat_notices_that_the_lease_is_lost(store: Store):
    store.lease_ttl = 0.3
    with acquire(store) as lease:
        rewrite_lease(store, token=lease.token + 1, attempt="000002-cafe")
        assert lease.lost.wait(5)
        with pytest.raises(LeaseLostError):
            lease.check()
    found = LeaseBook(store.backend).read(KEY)
    assert found is not None
    assert found.record is not None
    assert found.record.attempt == "000002-cafe"  # leaving does not touch the successor's lease


def test_errors_after_a_loss_are_told_as_the_loss(store: Store):
    """The successor clears the files away, so whatever the work trips over is a consequence."""

    def work(lease: Lease) -> None:
        with lease:
            rewrite_lease(store, token=lease.token + 1, attempt="000002-cafe")
            raise FileNotFoundError("weights.bin")

    with pytest.raises(LeaseLostError):
        work(acquire(store))
    assert store.failures(KEY) == []


def test_error_in_the_block_gives_the_lease_back(store: Store):
    lease = acquire(store)

    def work() -> None:
        with lease:
            write_files(lease.workdir, KEY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert not lease.workdir.exists()
    assert store.status(KEY) == "to_run"
    with pytest.raises(RuntimeError, match="ended already"):
        lease.publish()


def test_interrupt_after_the_commit_keeps_the_artifact(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    lease = acquire(store)
    put_new = store.backend.put_new

    def interrupted(*arguments: Any, **options: Any) -> str | None:
        put_new(*arguments, **options)
        raise KeyboardInterrupt

    def work() -> None:
        with lease:
            write_files(lease.workdir, KEY)
            monkeypatch.setattr(store.backend, "put_new", interrupted)
            lease.publish()

    with pytest.raises(KeyboardInterrupt):
        work()
    found = store.find(KEY)
    assert found is not None
    assert is_whole(found)


def test_dead_owner_is_replaced_at_once(store: Store):
    def hold(connection: Any) -> None:
        with acquire(store) as lease:
            write_files(lease.workdir, KEY)
            connection.send(str(lease.workdir))
            time.sleep(60)

    child, connection = in_child(hold)
    workdir = connection.recv()
    assert store.acquire(KEY, "data") is None
    os.kill(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while (lease := store.acquire(KEY, "data")) is None:  # a zombie counts as dead
        assert time.monotonic() < deadline
    assert lease.token == 2
    assert not os.path.exists(workdir)  # noqa: PTH110
    past = store.past_attempts(KEY)
    assert [(attempt.token, attempt.abandoned) for attempt in past] == [(1, True)]
    assert str(child.pid) in past[0].error
    assert store.failures(KEY) == []
    child.join()


def test_pid_that_was_given_to_another_process_is_not_the_owner(store: Store):
    lease = acquire(store)
    owner = LeaseBook(store.backend).read(KEY).record.owner  # type: ignore[union-attr]
    assert owner.started is not None
    rewrite_lease(store, owner=owner.model_copy(update={"started": owner.started - 1}))
    assert acquire(store).token == lease.token + 1


@pytest.mark.parametrize("field", ["host", "boot", "namespace"])
def test_owner_on_another_machine_has_its_time(store: Store, field: str):
    """Its pid says nothing here, whether it exists or not."""
    acquire(store)
    owner = LeaseBook(store.backend).read(KEY).record.owner  # type: ignore[union-attr]
    rewrite_lease(
        store, ttl=30.0, owner=owner.model_copy(update={field: "other", "pid": 2**22 + 1})
    )
    assert store.acquire(KEY, "data") is None
    assert store.status(KEY) == "running"
    path = store.backend.local_path(names.lease(KEY))
    then = time.time() - 31
    os.utime(path, (then, then))
    assert store.status(KEY) == "to_run"
    assert acquire(store).token == 2


def test_clock_that_is_set_forward_takes_no_lease_away(store: Store):
    """On one machine the monotonic clock decides; it stands still while the machine sleeps."""
    acquire(store)
    then = time.time() - 3600
    os.utime(store.backend.local_path(names.lease(KEY)), (then, then))
    assert store.acquire(KEY, "data") is None


def test_stopped_owner_wakes_up_to_a_lost_lease(store: Store):
    store.lease_ttl = 0.3

    def hold(connection: Any) -> None:
        lease = acquire(store)
        write_files(lease.workdir, KEY)
        connection.send("ready")
        connection.recv()
        try:
            lease.publish()
        except LeaseLostError as error:
            connection.send(str(error))

    child, connection = in_child(hold)
    assert connection.recv() == "ready"
    os.kill(child.pid, signal.SIGSTOP)
    time.sleep(0.4)
    successor = acquire(store)
    os.kill(child.pid, signal.SIGCONT)
    connection.send("publish")
    assert "taken over" in connection.recv()
    assert store.find(KEY) is None
    write_files(successor.workdir, KEY)
    assert is_whole(successor.publish())
    child.join()


def test_store_that_fails_for_a_while_loses_no_lease(
    store: Store, monkeypatch: pytest.MonkeyPatch, warnings_of_store: pytest.LogCaptureFixture
):
    store.lease_ttl = 0.15

    def fail(*_: Any, **__: Any) -> str | None:
        raise OSError(5, "Input/output error")

    with acquire(store) as lease:
        with monkeypatch.context() as patched:
            patched.setattr(store.backend, "replace", fail)
            time.sleep(0.4)
        assert not lease.lost.is_set()
        write_files(lease.workdir, KEY)
        assert is_whole(lease.publish())
    assert "could not be renewed" in warnings_of_store.text


def test_store_that_is_deleted_loses_the_lease(store: Store):
    store.lease_ttl = 0.15
    with acquire(store) as lease:
        root = store.backend.local_path("")
        root.rename(root.with_name("elsewhere"))
        assert lease.lost.wait(5)


def test_newer_lease_is_refused(store: Store):
    from ensemble_core.errors import InputError

    acquire(store)
    path = store.backend.local_path(names.lease(KEY))
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 2'))
    with pytest.raises(InputError, match="newer version"):
        store.acquire(KEY, "data")


def test_garbage_is_what_nobody_holds(store: Store):
    publish(store, KEY)
    working = acquire(store, key_of(2))
    left = store.backend.workspace(names.attempt(key_of(3), "000001-dead"))
    beside = store.backend.workspace(names.attempt(KEY, "000000-dead"))
    assert store.collect_garbage() == 2
    assert working.workdir.exists()
    assert not left.exists()
    assert not beside.exists()
    assert is_whole(store.require(KEY))


def test_log_has_a_place(store: Store):
    lease = acquire(store)
    lease.log_path.write_text("hello")
    assert store.logs_dir in lease.log_path.parents
    lease.fail("no luck", deterministic=True)
    assert lease.log_path.read_text() == "hello"


def test_forgotten_lease_runs_out(store: Store):
    """A lease that nobody refers to any more is not renewed for ever."""
    store.lease_ttl = 0.3
    lease = acquire(store).__enter__()
    threads = threading.active_count()
    del lease
    deadline = time.monotonic() + 5
    while threading.active_count() >= threads:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)
    assert open_store(store.url).acquire(KEY, "data") is not None


def test_process_of_another_user_is_alive(monkeypatch: pytest.MonkeyPatch):
    """Some machines hide other users' processes from /proc."""
    init = this_process().model_copy(update={"pid": 1, "started": 1})
    monkeypatch.setattr(owners, "_read", lambda _: None)
    assert not init.is_dead()
    assert init.model_copy(update={"pid": 2**22 + 1}).is_dead()


def test_record_says_who_is_at_it(store: Store):
    acquire(store)
    found = store.owner(KEY)
    assert found is not None
    assert found.live
    assert isinstance(found.record, LeaseRecord)
    assert found.record.owner.pid == os.getpid()
