"""What the tests of running share."""

from pathlib import Path

import pytest
from run_helpers import GraphMaker, Marks

from w2s_platform.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def maker(tmp_path: Path) -> GraphMaker:
    return GraphMaker(tmp_path / "marks")


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    return Marks(tmp_path / "marks")
