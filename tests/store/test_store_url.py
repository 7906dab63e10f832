"""Which store a command means, and where results come from."""

import os
import subprocess
from pathlib import Path

import pytest
from store_helpers import key_of, publish

from ensemble_core.errors import InputError
from w2s_platform.store import GitState, collect_provenance, open_store
from w2s_platform.store.provenance import git_state
from w2s_platform.store.url import resolve_root


def test_option_then_variable_then_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_root("here", {"W2S_STORE": "/there"}) == tmp_path / "here"
    assert resolve_root(None, {"W2S_STORE": "/there"}) == Path("/there")
    assert resolve_root(None, {"W2S_STORE": ""}) == tmp_path / ".w2s"
    assert resolve_root(None, {}) == tmp_path / ".w2s"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///data/w2s", "/data/w2s"),
        ("file:/data/w2s", "/data/w2s"),
        ("file://localhost/data/a%20b", "/data/a b"),
        ("/data/a%20b", "/data/a%20b"),
        ("/data/../w2s/", "/w2s"),
        ("~/w2s", str(Path("~/w2s").expanduser())),
    ],
)
def test_paths_and_file_urls(url: str, path: str):
    assert resolve_root(url) == Path(path)


@pytest.mark.parametrize("url", ["s3://bucket/w2s", "gs://bucket", "http://host/x", "S3://bucket"])
def test_other_schemes_are_refused(url: str):
    with pytest.raises(InputError, match="directories only") as caught:
        open_store(url)
    assert caught.value.where == url


@pytest.mark.parametrize("url", ["", "  ", "file://elsewhere/data", "file:"])
def test_urls_of_no_directory_are_refused(url: str):
    with pytest.raises(InputError):
        open_store(url)


def test_url_opens_the_same_store_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Workers run in another directory."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    store = open_store("a store #1")
    publish(store, key_of(1))
    monkeypatch.chdir(tmp_path / "other")
    assert open_store(store.url).find(key_of(1)) is not None


def run_git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("dirty", [False, True])
def test_provenance_knows_the_commit(tmp_path: Path, dirty: bool):
    run_git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("1")
    run_git(tmp_path, "add", ".")
    run_git(tmp_path, "commit", "-qm", "first")
    (tmp_path / "result.csv").write_text("untracked files are no change of the code")
    if dirty:
        (tmp_path / "code.py").write_text("2")
    (tmp_path / "sub").mkdir()
    expected = GitState(commit=run_git(tmp_path, "rev-parse", "HEAD"), dirty=dirty)
    assert git_state(tmp_path / "sub") == expected


def test_provenance_without_a_project_or_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert git_state(tmp_path) is None
    (tmp_path / "new").mkdir()
    run_git(tmp_path / "new", "init", "-q")  # a project without a commit
    assert git_state(tmp_path / "new") is None
    monkeypatch.setenv("PATH", os.devnull)
    (tmp_path / "sub").mkdir()
    assert git_state(tmp_path / "sub") is None


def test_provenance_takes_what_the_caller_knows():
    git = GitState(commit="c" * 40, dirty=False)
    provenance = collect_provenance("cuda:0", git)
    assert (provenance.git, provenance.device) == (git, "cuda:0")
    assert {"python", "torch", "numpy"} <= set(provenance.versions)
