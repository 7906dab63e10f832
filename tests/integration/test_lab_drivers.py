"""Two drivers on one store at the same moment share the work."""

import json
from collections import Counter

import pytest
from lab_user import Finished, User, kill_family

pytestmark = pytest.mark.slow


def test_two_drivers_run_each_stage_once(finished: Finished, user: User) -> None:
    drivers = [user.start("run", finished.sweep) for _ in range(2)]
    try:
        said = [driver.communicate(timeout=300) for driver in drivers]
    finally:
        for driver in drivers:
            kill_family(driver)
    assert [driver.returncode for driver in drivers] == [0, 0], said
    store = user.opened()
    manifests = user.manifests()
    assert manifests.keys() == finished.user.manifests().keys()
    for key, manifest in manifests.items():
        assert manifest.token == 1, "somebody else had begun it before"
        assert store.past_attempts(key) == store.failures(key) == []
    assert user.rows(finished.sweep) == finished.user.rows(finished.sweep)
    done = Counter(
        event["key"]
        for log in user.store.glob("logs/runs/*/events.jsonl")
        for event in map(json.loads, log.read_text().splitlines())
        if event["change"] == "done"
    )
    assert set(done) == set(manifests)
    assert set(done.values()) == {1}
    assert len(list(user.store.glob("logs/runs/*/events.jsonl"))) == 2
