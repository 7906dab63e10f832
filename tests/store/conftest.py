"""Stores to test with: a directory, and objects with conditional puts as S3 and GCS have them."""

import logging
from pathlib import Path

import pytest
from object_backend import ObjectBackend

from w2s_platform.store import Store, open_store
from w2s_platform.store.verified import VERIFIED


@pytest.fixture(autouse=True)
def fresh_process_memory():
    """Forget what was verified, as a new process would."""
    VERIFIED.forget()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture(params=["directory", "objects"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """One contract, every backend."""
    if request.param == "directory":
        return open_store(str(tmp_path / "store"))
    return Store(ObjectBackend(tmp_path))


@pytest.fixture
def warnings_of_store(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "w2s_platform.store")
    return caplog
