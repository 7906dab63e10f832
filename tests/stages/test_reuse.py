"""Early cutoff: the same work on the same bytes is done once, whatever the keys say."""

from pathlib import Path

from w2s_platform.stage import Stage
from w2s_platform.stages import reuse
from w2s_platform.store import Artifact, Store, open_store


def publish(store: Store, stage: Stage, text: str) -> Artifact:
    lease = store.acquire(stage.key, stage.kind)
    assert lease is not None
    with lease:
        (lease.workdir / "folder").mkdir()
        (lease.workdir / "folder" / "file.txt").write_text(text)
        return lease.publish(preimage=stage.preimage)


def test_stages_that_read_the_same_bytes_share_a_content_key(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    inputs = [
        publish(store, Stage("data", {"seed": seed}), text)
        for seed, text in enumerate(["same", "same", "other"])
    ]
    readers = [Stage("evaluate", {"metrics": ["accuracy"]}, {"data": a.key}) for a in inputs]
    keys = [
        reuse.content_key(reader, {"data": artifact.manifest})
        for reader, artifact in zip(readers, inputs, strict=True)
    ]
    assert readers[0].key != readers[1].key
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


def test_settings_and_version_are_part_of_the_content_key(tmp_path: Path) -> None:
    data = publish(open_store(str(tmp_path)), Stage("data", {}), "text").manifest
    plain = Stage("evaluate", {"metrics": ["nll"]}, {"data": data.key})
    other = Stage("evaluate", {"metrics": ["ece"]}, {"data": data.key})
    newer = Stage("evaluate", {"metrics": ["nll"]}, {"data": data.key}, version=2)
    keys = {reuse.content_key(stage, {"data": data}) for stage in (plain, other, newer)}
    assert len(keys) == 3


def test_a_content_key_is_never_a_stage_key() -> None:
    source = Stage("data", {"seed": 1})
    assert reuse.content_key(source, {}) != source.key


def test_one_worker_at_a_time_does_the_work_of_a_content_key(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    with (
        reuse.only_worker(store, "cd" * 32, "evaluate") as first,
        reuse.only_worker(store, "cd" * 32, "evaluate") as second,
    ):
        assert (first, second) == (True, False)
    with reuse.only_worker(store, "cd" * 32, "evaluate") as third:
        assert third


def test_files_are_taken_over_whole_and_verified(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    first = publish(store, Stage("labels", {"n": 1}), "written once")
    reuse.note(store, "ab" * 32, first.key)
    same = reuse.find_same(store, "ab" * 32)
    assert same is not None
    second = Stage("labels", {"n": 2})
    lease = store.acquire(second.key, second.kind)
    assert lease is not None
    with lease:
        reuse.take_over(same, lease)
        lease.publish(preimage=second.preimage)
    taken = open_store(str(tmp_path)).find(second.key)
    assert taken is not None
    assert taken.path("folder/file.txt").read_text() == "written once"
    assert taken.manifest.files == first.manifest.files
