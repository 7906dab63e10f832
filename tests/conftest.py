"""What tests of every folder may share."""

from collections.abc import Generator

import pytest

RAY_CPUS = 2


@pytest.fixture(scope="session")
def ray_session() -> Generator[None]:
    """One Ray of two cores for all tests that need one; starting it takes seconds.

    `w2s_platform` uses the connection that is there and leaves it alone.
    """
    from w2s_platform.running.cluster import connect

    with connect(cpus=RAY_CPUS):
        yield
