"""Attempts without an artifact: kept with their error and their cost."""

import pytest
from store_helpers import damage, key_of, publish

from ensemble_core.errors import StageError
from w2s_platform.store import Cost, Store, names

KEY = key_of(1)


def fail(store: Store, error: BaseException | str, *, deterministic: bool = True) -> None:
    lease = store.acquire(KEY, "round")
    assert lease is not None
    with lease:
        (lease.workdir / "half.bin").write_bytes(b"half")
        lease.fail(error, deterministic=deterministic)
    assert not lease.workdir.exists()


def test_failure_keeps_what_went_wrong(any_store: Store):
    try:
        raise StageError("the loss is not finite", where="round 2", hint="lower the learning rate")
    except StageError as error:
        lease = any_store.acquire(KEY, "round")
        assert lease is not None
        lease.fail(error, deterministic=True, cost=Cost(wall_seconds=2.5, tokens=10))
    (attempt,) = any_store.failures(KEY)
    assert attempt.error == "round 2: the loss is not finite (lower the learning rate)"
    assert attempt.error_type == "StageError"
    assert "test_failure_keeps_what_went_wrong" in attempt.traceback
    assert attempt.deterministic
    assert attempt.cost == Cost(wall_seconds=2.5, tokens=10)
    assert (attempt.kind, attempt.token, attempt.attempt) == ("round", 1, lease.attempt)
    assert attempt.wall_seconds >= 0
    assert attempt.started <= attempt.ended


def test_failures_come_in_order_and_count_until_cleared(any_store: Store):
    for number in range(12):
        fail(any_store, RuntimeError(f"number {number}"), deterministic=number % 2 == 0)
    failures = any_store.failures(KEY)
    assert [failure.error for failure in failures] == [
        f"RuntimeError: number {n}" for n in range(12)
    ]
    assert [failure.deterministic for failure in failures] == [n % 2 == 0 for n in range(12)]
    assert any_store.status(KEY) == "failed"
    assert any_store.clear_failures(KEY) == 12
    assert any_store.status(KEY) == "to_run"
    assert any_store.failures(KEY) == []
    assert any_store.past_attempts(KEY) == failures  # what they cost stays known
    assert any_store.clear_failures(KEY) == 0


def test_first_of_done_running_failed_to_run(any_store: Store):
    assert any_store.status(KEY) == "to_run"
    fail(any_store, "once", deterministic=False)
    assert any_store.status(KEY) == "failed"
    lease = any_store.acquire(KEY, "round")
    assert lease is not None
    assert any_store.status(KEY) == "running"
    lease.release()
    assert any_store.status(KEY) == "failed"
    publish(any_store, KEY)
    assert any_store.status(KEY) == "done"
    assert len(any_store.failures(KEY)) == 1
    damage(any_store, KEY)
    assert any_store.find(KEY) is None
    assert any_store.status(KEY) == "failed"


def test_statuses_keep_the_callers_order(store: Store):
    keys = [key_of(number) for number in range(20)]
    publish(store, keys[3])
    lease = store.acquire(keys[5], "data")
    found = store.statuses(keys)
    assert list(found) == keys
    assert [found[keys[number]] for number in (3, 5, 7)] == ["done", "running", "to_run"]
    assert lease is not None


@pytest.mark.parametrize("error", ["", "odd bytes \udcff in a name", "x" * 100_000, "<script>"])
def test_any_text_is_an_error(store: Store, error: str):
    fail(store, ValueError(error))
    (attempt,) = store.failures(KEY)
    assert attempt.error.startswith("ValueError")
    assert error.encode("utf-8", "replace").decode() in attempt.error


def test_damaged_record_of_a_failure_is_still_a_failure(store: Store):
    fail(store, "once")
    (name,) = store.backend.children(names.failure(KEY))
    store.backend.local_path(name).write_bytes(b"{")
    (attempt,) = store.failures(KEY)
    assert "can't be read" in attempt.error
    assert (attempt.key, attempt.deterministic) == (KEY, False)
    assert store.status(KEY) == "failed"
    store.clear_failures(KEY)
    assert store.status(KEY) == "to_run"


def test_failures_of_other_keys_are_not_mixed_up(store: Store):
    fail(store, "once")
    sibling = KEY[:-1] + ("0" if KEY[-1] != "0" else "1")
    assert store.failures(sibling) == []
    assert store.status(sibling) == "to_run"
