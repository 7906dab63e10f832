"""What the tests of running share."""

from pathlib import Path

import pytest
import run_helpers
import search_problem
import training_work
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


@pytest.fixture(scope="session")
def ray_work(ray_session: None) -> None:
    """Ray, with our executor known to its workers: they don't see the folder of the tests."""
    from ray import cloudpickle

    for module in (run_helpers, search_problem, training_work):
        cloudpickle.register_pickle_by_value(module)
