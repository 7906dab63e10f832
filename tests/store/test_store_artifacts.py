"""Artifacts: found whole or not at all."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from store_helpers import FILES, content_of, is_whole, key_of, publish, write_files

from ensemble_core.errors import InputError, StageError
from w2s_platform.store import (
    Artifact,
    Cost,
    GitState,
    Provenance,
    Store,
    StoreError,
    names,
    open_store,
)
from w2s_platform.store import artifact as artifact_module
from w2s_platform.store.verified import VERIFIED

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
KEY = key_of(1)


def manifest_path(store: Store, key: str = KEY) -> Path:
    return store.backend.local_path(names.manifest(key))


def test_published_artifact_is_found_whole(any_store: Store):
    assert any_store.find(KEY) is None
    publish(any_store, KEY)
    VERIFIED.forget()
    found = any_store.find(KEY)
    assert found is not None
    assert is_whole(found)
    assert (found.key, found.kind) == (KEY, "data")
    assert any_store.status(KEY) == "done"
    assert list(any_store.keys()) == [KEY]


def test_whoever_may_read_the_folder_may_read_what_was_published(store: Store):
    """Some libraries write files that only their owner can read; a lab shares its store."""
    lease = store.acquire(KEY, "data")
    assert lease is not None
    with lease:
        lease.workdir.chmod(0o750)
        (lease.workdir / "model.safetensors").write_bytes(b"weights")
        (lease.workdir / "model.safetensors").chmod(0o600)
        published = lease.publish()
    assert published.path("model.safetensors").stat().st_mode & 0o777 == 0o640


def test_manifest_keeps_what_was_published(any_store: Store):
    cost = Cost(wall_seconds=1.5, device_seconds=3.0, tokens=7, flops=1e9, peak_memory_bytes=42)
    provenance = Provenance(
        git=GitState(commit="c" * 40, dirty=True), versions={"torch": "2"}, host="h", device="cuda"
    )
    lease = any_store.acquire(KEY, "student")
    assert lease is not None
    with lease:
        (lease.workdir / "a.json").write_text("{}")
        lease.publish(cost, provenance, {"settings": {"rate": 1e-4, "name": "Ü"}})
    manifest = any_store.manifest(KEY)
    assert manifest is not None
    assert (manifest.cost, manifest.provenance) == (cost, provenance)
    assert manifest.preimage == {"settings": {"rate": 1e-4, "name": "Ü"}}
    assert manifest.files["a.json"].bytes == 2
    assert manifest.files["a.json"].sha256.startswith("44136fa355b3678a")  # sha256 of "{}"
    assert (manifest.attempt, manifest.token) == (lease.attempt, lease.token)


def test_default_cost_and_provenance_are_measured(store: Store):
    manifest = publish(store, KEY).manifest
    assert manifest.cost.wall_seconds > 0
    assert manifest.provenance.host
    assert manifest.provenance.versions["python"] == ".".join(map(str, sys.version_info[:3]))


def test_path_names_files_folders_and_the_whole(any_store: Store):
    artifact = publish(any_store, KEY)
    assert artifact.path("tables").joinpath("rows.bin").is_file()
    assert {path.name for path in artifact.path().iterdir()} >= {"weights.bin", "tables"}
    with pytest.raises(StageError, match=r"no file 'nothing'.*meta\.json, tables/rows\.bin"):
        artifact.path("nothing")
    with pytest.raises(StageError, match="no file"):
        artifact.path("../../../store.json")


def test_artifact_without_files_is_allowed(store: Store):
    lease = store.acquire(KEY, "data")
    assert lease is not None
    with lease:
        lease.publish()
    assert store.find(KEY) is not None


@pytest.mark.parametrize("damage", ["changed", "shorter", "longer", "missing", "folder"])
def test_damaged_file_makes_the_artifact_absent(
    store: Store, warnings_of_store: pytest.LogCaptureFixture, damage: str
):
    path = publish(store, KEY).path("tables/rows.bin")
    data = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        changed = {"changed": data[:-1] + bytes([data[-1] ^ 1]), "shorter": data[:-1]}
        path.write_bytes(changed.get(damage, data + b"x"))
    assert store.find(KEY) is None
    assert store.status(KEY) == "to_run"
    assert "tables/rows.bin" in store.quarantined(KEY)[0].reason
    assert "will be made again" in warnings_of_store.text
    assert is_whole(publish(store, KEY))  # and it can be made again
    assert store.find(KEY) is not None


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated_manifest_is_not_trusted(store: Store, share: float):
    publish(store, KEY)
    text = manifest_path(store).read_bytes()
    manifest_path(store).write_bytes(text[: int(share * len(text))])
    assert store.manifest(KEY) is None
    assert store.find(KEY) is None
    assert "cut off" in store.quarantined(KEY)[0].reason
    assert is_whole(publish(store, KEY))


def test_changed_manifest_is_not_trusted(store: Store):
    publish(store, KEY)
    text = manifest_path(store).read_text()
    manifest_path(store).write_text(text.replace('"kind": "data"', '"kind": "date"'))
    assert store.find(KEY) is None
    assert "checksum" in store.quarantined(KEY)[0].reason


def test_another_keys_manifest_is_not_trusted(store: Store):
    publish(store, KEY)
    other = key_of(2)
    manifest_path(store, other).parent.mkdir(exist_ok=True)
    manifest_path(store, other).write_bytes(manifest_path(store).read_bytes())
    assert store.find(other) is None
    assert "another key" in store.quarantined(other)[0].reason
    assert store.find(KEY) is not None


def test_manifest_that_names_a_file_outside_is_not_trusted(store: Store):
    from w2s_platform.store.manifest import dump_manifest, parse_manifest

    publish(store, KEY)
    manifest = parse_manifest(manifest_path(store).read_bytes(), KEY, "")
    entry = manifest.files["meta.json"]
    evil = manifest.model_copy(update={"files": {"../../../../secret": entry}})
    manifest_path(store).write_bytes(dump_manifest(evil))
    assert store.find(KEY) is None
    assert "outside" in store.quarantined(KEY)[0].reason


def test_newer_manifest_is_refused_and_kept(store: Store):
    publish(store, KEY)
    newer = manifest_path(store).read_bytes().replace(b'"format": 1', b'"format": 2')
    manifest_path(store).write_bytes(newer)
    for use in (store.find, store.manifest, lambda key: store.acquire(key, "data")):
        with pytest.raises(InputError, match=r"newer version.*update w2s-platform"):
            use(KEY)
    assert manifest_path(store).read_bytes() == newer
    assert store.quarantined(KEY) == []


def test_newer_store_is_refused(store: Store):
    publish(store, KEY)
    store.backend.local_path(names.MARKER).write_text('{"format": 2}')
    with pytest.raises(InputError, match="newer version"):
        open_store(store.url)
    store.backend.local_path(names.MARKER).write_text("{")
    with pytest.raises(InputError, match=r"mark can't be read"):
        open_store(store.url)


def test_read_only_store_sets_nothing_aside(store: Store):
    publish(store, KEY).path("meta.json").write_bytes(b"")
    reader = open_store(store.url, read_only=True)
    before = manifest_path(store).read_bytes()
    assert reader.find(KEY) is None
    assert manifest_path(store).read_bytes() == before
    for write in (lambda: reader.acquire(KEY, "data"), lambda: reader.record_sweep("s", {})):
        with pytest.raises(InputError, match="for reading only"):
            write()


def test_files_are_hashed_once_per_process(store: Store, monkeypatch: pytest.MonkeyPatch):
    publish(store, KEY)
    VERIFIED.forget()
    measured: list[Path] = []
    measure = artifact_module.measure
    monkeypatch.setattr(
        artifact_module, "measure", lambda path: (measured.append(path), measure(path))[1]
    )
    for _ in range(5):
        assert open_store(store.url).find(KEY) is not None
    assert len(measured) == len(FILES)


def test_damage_after_verification_is_seen(store: Store):
    artifact = publish(store, KEY)
    assert store.find(KEY) is not None
    artifact.path("meta.json").write_bytes(b"x" * len(content_of(KEY, "meta.json")))
    assert store.find(KEY) is None


def test_unreadable_file_is_an_error_and_no_damage(store: Store, monkeypatch: pytest.MonkeyPatch):
    publish(store, KEY)
    VERIFIED.forget()

    def fail(_: Path):
        raise OSError(5, "Input/output error", "/disk/file")

    monkeypatch.setattr(artifact_module, "measure", fail)
    with pytest.raises(StoreError, match="Input/output error"):
        store.find(KEY)
    assert store.quarantined(KEY) == []


def test_quarantine_spares_a_manifest_that_came_later(store: Store):
    """A slow reader's verdict is about what it read, not about what was made meanwhile."""
    from w2s_platform.store.quarantine import QuarantineBook

    publish(store, KEY).path("meta.json").write_bytes(b"")
    stale = store.backend.get(names.manifest(KEY))
    assert stale is not None
    assert store.find(KEY) is None
    publish(store, KEY)
    QuarantineBook(store.backend).set_aside(KEY, stale, "slow reader")
    assert store.find(KEY) is not None


def test_only_plain_files_are_published(store: Store, tmp_path: Path):
    (tmp_path / "elsewhere").write_text("x")
    lease = store.acquire(KEY, "data")
    assert lease is not None
    with lease:
        (lease.workdir / "link").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StageError, match="plain files only"):
            lease.publish()
    assert store.find(KEY) is None


def test_require_says_what_to_do(store: Store):
    assert publish(store, KEY).key == store.require(KEY).key
    with pytest.raises(StoreError, match="run the sweep again"):
        store.require(key_of(2))


def test_keys_are_found_by_their_first_digits(store: Store):
    keys = sorted(key_of(number) for number in range(40))
    for key in keys:
        publish(store, key, size=10)
    for prefix in (keys[7], keys[7][:6], keys[7][:2], keys[7][:1], ""):
        assert store.keys_starting_with(prefix) == [key for key in keys if key.startswith(prefix)]
    assert store.keys_starting_with("../manifests") == []
    assert sorted(store.keys()) == keys


@pytest.mark.parametrize("key", ["", "ab", "../" * 21 + "x", "A" * 64, "g" * 64, "a" * 63 + "\n"])
def test_only_keys_become_paths(store: Store, key: str):
    for use in (store.find, store.status, store.failures, lambda key: store.acquire(key, "data")):
        with pytest.raises(InputError, match="not a stage key"):
            use(key)


def test_reading_writes_nothing(tmp_path: Path):
    reader = open_store(str(tmp_path / "nowhere"))
    assert reader.find(KEY) is None
    assert reader.status(KEY) == "to_run"
    assert reader.failures(KEY) == []
    assert reader.sweeps() == []
    assert list(reader.keys()) == []
    assert not (tmp_path / "nowhere").exists()


def test_many_readers_see_whole_artifacts_only(store: Store):
    """Readers that look all the time, in threads of their own, while artifacts are made."""
    keys = [key_of(number) for number in range(30)]
    found: list[bool] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            artifacts: list[Artifact | None] = [store.find(key) for key in keys]
            found.extend(is_whole(artifact) for artifact in artifacts if artifact)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for key in keys:
        publish(store, key)
    done.set()
    for reader in readers:
        reader.join()
    assert found
    assert all(found)


def test_store_imports_nothing_heavy():
    code = (
        "import sys, w2s_platform.store\n"
        "heavy = {'torch', 'pandas', 'numpy', 'ray', 'transformers', 'datasets', 'pyarrow'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_manifest_is_plain_json(store: Store):
    publish(store, KEY)
    body = json.loads(manifest_path(store).read_text())
    assert body["format"] == 1
    assert body["files"]["meta.json"]["bytes"] == 3000


def test_lease_directory_is_not_an_artifact(store: Store):
    lease = store.acquire(KEY, "data")
    assert lease is not None
    write_files(lease.workdir, KEY)
    assert store.find(KEY) is None
    assert store.status(KEY) == "running"
    lease.release()
    assert not lease.workdir.exists()
