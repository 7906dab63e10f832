"""One laboratory, one finished study and one Ray for all tests of the whole."""

import shutil
from pathlib import Path

import laboratory
import pytest
from lab_user import Finished, User
from laboratory import Lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return laboratory.build(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="session")
def study(lab: Lab) -> Path:
    """Four cells: two combiners, two seeds."""
    return lab.sweep(laboratory.STUDY, "study.yaml")


@pytest.fixture(scope="session")
def finished(lab: Lab, study: Path, own_ray: None) -> Finished:
    user = User(lab.root / "finished", lab.data)
    return Finished(user, study, user("run", study))


@pytest.fixture
def unfinished(finished: Finished, tmp_path: Path) -> User:
    """A user with a copy of the finished study in which no student has been trained yet."""
    copy = User(tmp_path / "unfinished", finished.user.data)
    shutil.copytree(finished.user.store, copy.store)
    copy.forget("student", "ceiling")
    return copy


@pytest.fixture
def user(lab: Lab, tmp_path: Path) -> User:
    """A user with a store of their own that is not there yet."""
    return User(tmp_path / "store", lab.data)
