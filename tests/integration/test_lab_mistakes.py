"""Bad input: one message that says where and what to do, a status, and nothing lost."""

import json
import re
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from lab_user import Answer, Finished, User, one_message
from laboratory import CARD, SWEEP, Lab

OLD_NEW_WORDS = [
    ("rounds: 3", "rouds: 3", "did you mean `rounds`"),
    ("rounds: 3", "rounds: three", "experts.rounds"),
    ("rounds: 3", "rounds: 0", "experts.rounds"),
    ("rounds: 3", "rounds: 3\n  count: 4", "experts.count"),
    ("seeds: 1", "seeds: 1\nseeds: 2", "seeds"),
    ("{task: copy, size: 12}", "{task: copi, size: 12}", "did you mean `copy`"),
    ("{task: copy, size: 12}", "{task: copy, split: tset, size: 12}", "test"),
    ("{task: copy, size: 12}", "copy[difficulty=Low]", "difficulty"),
    ("labelled: {task: copy, size: 24}", "labelled: {task: copy, size: 50}", "tasks.transfer"),
    ("id: [{task: copy, size: 16}]", "id: [{task: copy, size: 999}]", "tasks.id"),
    ("model: {path: MODEL}\n  rounds", "model: nano-tiny\n  rounds", "nano"),
    ("model: {path: MODEL}\n  rounds", "model: {path: nowhere}\n  rounds", "nowhere"),
    ("learning_rate: 0.003}\nstudent", "learning_rate: 3}\nstudent", "learning_rate"),
]
LOCATED = re.compile(r"broken\.yaml:\d+:\d+: ")


@pytest.mark.parametrize(("old", "new", "words"), OLD_NEW_WORDS)
def test_a_mistake_in_the_sweep(lab: Lab, user: User, old: str, new: str, words: str) -> None:
    assert old in SWEEP
    sweep = lab.sweep(SWEEP.replace(old, new, 1), "broken.yaml")
    for command in ("validate", "plan", "run"):
        answer = user.here(command, sweep)
        assert answer.status == 2, answer
        assert words in one_message(answer)
        assert LOCATED.search(answer.err) or "nowhere" in words
    assert not user.store.exists()


QUESTIONS = [
    ("", "no rows"),
    ('{"question": "ab", "answer": "ab"}\n{"question": \n', ":2"),
    ('{"question": "ab", "answer": "ab"}\n{"question": "ba"}\n', ":2"),
    ('{"question": "ab", "answer": "ab"}\n', "24 are asked for"),
    ("\x00\x01\x02", "copy-train.jsonl"),
]


@pytest.mark.parametrize(("content", "words"), QUESTIONS)
def test_a_data_file_that_is_wrong(
    lab: Lab, user: User, tmp_path: Path, content: str, words: str
) -> None:
    data = tmp_path / "data"
    shutil.copytree(lab.data, data)
    (data / "copy-train.jsonl").write_text(content)
    other = User(user.store, data)
    for command in ("validate", "run"):
        answer = other.here(command, lab.sweep())
        assert answer.status == 2, answer
        assert words in one_message(answer)
    assert not user.store.exists()


def test_no_data_root(lab: Lab, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("W2S_DATA_DIR", raising=False)
    answer = User(user.store).here("run", lab.sweep())
    assert answer.status == 2
    assert "--data-root" in one_message(answer)
    answer = user.here("run", lab.sweep(), "--data-root", "/no/such/folder")
    assert answer.status == 2
    assert "/no/such/folder" in one_message(answer)


@pytest.mark.parametrize("place", ["file", "file/below", "/sys/nobody/store", "s3://bucket/x"])
def test_a_store_that_can_not_be(lab: Lab, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    answer = User(lab.root, lab.data).here(
        "run", lab.sweep(), "--store", place if place.startswith(("/", "s3:")) else tmp_path / place
    )
    assert answer.status == 2, answer
    assert "--store" in one_message(answer) or "directory" in answer.err
    assert (tmp_path / "file").read_text() == "mine"


def test_commands_about_what_is_not_there(lab: Lab, finished: Finished, tmp_path: Path) -> None:
    user = finished.user
    for words in (
        ("export", "ffffffffffff", tmp_path / "out"),
        ("explain", "ffffffffffff", "eeeeeeeeeeee"),
        ("results", lab.sweep(SWEEP.replace("sweep: tiny", "sweep: unheard"), "unheard.yaml")),
        ("results", finished.sweep, "--metric", "acuracy"),
        ("results", finished.sweep, "--by", "experts.combin"),
        ("run", "nowhere.yaml"),
        ("rnu", finished.sweep),
        ("run", finished.sweep, "--stroe", "x"),
    ):
        answer = user.here(*words)
        assert answer.status == 2, answer
        one_message(answer)


# --- what shows only when it runs


@pytest.fixture(scope="module")
def faulty(lab: Lab) -> Lab:
    """The laboratory with an answer that is too long, and with two models that are no good."""
    rows = [{"question": f"a{'b' * n}", "answer": "ab" * 30} for n in range(1, 9)]
    (lab.data / "long-train.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (lab.data / "long-test.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (lab.tasks / "long.yaml").write_text(CARD.replace("NAME", "long"))
    endless = lab.root / "endless"
    shutil.copytree(lab.model, endless)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        path = endless / name
        if path.exists():
            known = json.loads(path.read_text())
            known.pop("eos_token", None)
            path.write_text(json.dumps(known))
    write_infinite_model(lab.model, lab.root / "infinite")
    return lab


def write_infinite_model(source: Path, folder: Path) -> None:
    """A model whose weights overflow: its loss is not a number."""
    import torch
    from transformers import AutoModelForCausalLM

    shutil.copytree(source, folder)
    model = AutoModelForCausalLM.from_pretrained(source)
    with torch.no_grad():
        model.get_input_embeddings().weight.fill_(float("inf"))
    model.save_pretrained(folder)


BAD_CELLS = """
resources: {retries: 0}
baselines: [floor]
vary:
  - cases:
      - {experts.rounds: 1}
      - {experts.rounds: 1, tasks.labelled: {task: long, size: 8}}
      - {experts.rounds: 1, experts.model: {path: ENDLESS}}
      - {experts.rounds: 1, experts.model: {path: INFINITE}}
"""
WORDS = ("", "61 tokens", "end-of-sequence", "not finite")


@pytest.fixture(scope="module")
def bad(faulty: Lab, ray_session: None) -> tuple[User, Path, Answer]:
    cells = BAD_CELLS.replace("ENDLESS", str(faulty.root / "endless"))
    cells = cells.replace("INFINITE", str(faulty.root / "infinite"))
    sweep = faulty.sweep(SWEEP.replace("sweep: tiny", "sweep: bad") + cells, "bad.yaml")
    user = User(faulty.root / "bad-store", faulty.data)
    return user, sweep, user.here("run", sweep)


def test_a_cell_that_fails_stops_no_other(bad: tuple[User, Path, Answer]) -> None:
    user, sweep, answer = bad
    assert answer.status == 1
    assert "1 of 4 cells complete" in answer.out
    assert "Traceback" not in answer.out + answer.err
    assert {row["experts.rounds"] for row in user.rows(sweep)} == {1}


@pytest.mark.parametrize("cell", [1, 2, 3])
def test_a_failure_is_told_in_one_line(bad: tuple[User, Path, Answer], cell: int) -> None:
    user, sweep, answer = bad
    assert any(WORDS[cell] in line for line in answer.out.splitlines())
    told = user.here("status", sweep, "--json").json["cells"][cell]
    assert told["status"] == "failed"
    assert WORDS[cell] in told["error"]


def test_failures_are_kept_until_they_are_asked_for_again(bad: tuple[User, Path, Answer]) -> None:
    user, sweep, _ = bad

    def stages() -> list[dict[str, Any]]:
        return user.here("status", sweep, "--json").json["stages"]

    before = user.manifests()
    past = user.opened().past_attempts
    failed = [s["key"] for s in stages() if s["status"] == "failed"]
    assert {s["attempts"] for s in stages() if s["key"] in failed} == {1}
    assert user.here("run", sweep).status == 1
    assert not any(past(key) for key in failed), "what would fail again is not tried again"
    assert user.here("run", sweep, "--retry-failed").status == 1
    assert all(len(past(key)) == 1 for key in failed)
    assert {s["attempts"] for s in stages() if s["key"] in failed} == {2}
    assert user.manifests() == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("file systems can't be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow
def test_a_full_disk(lab: Lab, small_disk: Path, ray_session: None) -> None:
    # The first run has a process of its own, and so leaves nobody alive who holds a lease: to
    # give one back takes a write.
    text = SWEEP.replace("sweep: tiny", "sweep: full\nresources: {retries: 0}")
    sweep = lab.sweep(text, "full.yaml")
    user = User(small_disk / "store", lab.data)
    answer = user("run", sweep)
    assert answer.status == 1
    assert "no space left" in answer.out + answer.err
    assert "Traceback" not in answer.out + answer.err
    kept = user.manifests()
    assert kept
    assert all(user.opened().find(key) for key in kept)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    answer = user.here("run", sweep)
    assert answer.status == 0, answer
    assert kept.items() <= user.manifests().items(), "finished stages are kept"
