"""A byte that flips in a store is found before anybody uses it, and the stage is done again."""

import shutil
from pathlib import Path

import pytest
from lab_user import Finished, User

from w2s_platform.results.ledger import read_ledger
from w2s_platform.stage import Kind


@pytest.fixture
def copy(finished: Finished, tmp_path: Path) -> User:
    store = tmp_path / "copy"
    shutil.copytree(finished.user.store, store)
    return User(store, finished.user.data)


def flip(user: User, kind: Kind, name: str) -> str:
    """Flip a byte in a file of some artifact of a kind; the artifact's key."""
    store = user.opened()
    key = next(key for key, manifest in user.manifests().items() if manifest.kind == kind)
    path = store.require(key).path(name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # another artifact may be linked to the same bytes
    path.write_bytes(content)
    return key


@pytest.mark.slow
def test_damaged_artifacts_are_made_again(
    finished: Finished, copy: User, ray_session: None
) -> None:
    before = copy.manifests()
    measured = flip(copy, "evaluate", "measurements.json")
    trained = flip(copy, "ceiling", "model/model.safetensors")
    (copy.store / f"manifests/{measured[:2]}/{measured}.json").stat()
    answer = copy.here("run", finished.sweep)
    assert answer.status == 0, answer
    after = copy.manifests()
    assert {key for key in before if after[key] != before[key]} == {measured, trained}
    assert after[trained].files == before[trained].files, "made again, the same"
    assert copy.rows(finished.sweep) == finished.user.rows(finished.sweep)
    assert [q.key for q in copy.opened().quarantined(trained)] == [trained]


def test_a_damaged_measurement_is_not_shown(finished: Finished, copy: User) -> None:
    key = flip(copy, "evaluate", "measurements.json")
    cells = read_ledger(copy.opened(), "study").cells
    hit = [m for cell in cells for m in cell.measures if m.key == key]
    answer = copy.here("results", finished.sweep, "--format", "json")
    assert answer.status == 0
    shown = {(r["subject"], r["role"]) for r in answer.json if r["metric"] == "nll"}
    whole = finished.user.rows(finished.sweep)
    lost = len([r for r in whole if r["metric"] == "nll"]) - len(
        [r for r in answer.json if r["metric"] == "nll"]
    )
    assert lost == len(hit) > 0
    assert shown


def test_a_damaged_model_is_not_exported(finished: Finished, copy: User, tmp_path: Path) -> None:
    key = flip(copy, "ceiling", "model/model.safetensors")
    cell = next(c for c in read_ledger(copy.opened(), "study").cells if c.models["ceiling"] == key)
    answer = copy.here("export", cell.id, tmp_path / "out", "--subject", "ceiling")
    assert answer.status == 2
    assert "w2s run" in answer.err
    assert not (tmp_path / "out").exists()
