"""A small valid sweep, and ways to check texts built from it."""

from collections.abc import Callable

import pytest

from ensemble_core.documents import DocumentErrors, Problem, parse
from w2s_platform.sweepfile.load import check_sweep
from w2s_platform.sweepfile.names import nano_names
from w2s_platform.sweepfile.sweep import Sweep

BASE = """\
sweep: demo
tasks:
  labelled: add[difficulty=easy]
  transfer: add
  validation: add
  id: [add]
  ood: [multiply]
experts:
  model: nano-s
student:
  model: nano-l
"""


@pytest.fixture(scope="session")
def base() -> str:
    return BASE


@pytest.fixture(scope="session")
def load() -> Callable[[str], Sweep]:
    """Reads and checks a sweep from its text."""
    return lambda text: check_sweep(parse(text, path="f.yaml"))


@pytest.fixture(scope="session")
def problems(load: Callable[[str], Sweep]) -> Callable[[str], list[Problem]]:
    """Every problem of a sweep's text."""

    def find(text: str) -> list[Problem]:
        try:
            load(text)
        except DocumentErrors as error:
            return list(error.problems)
        return []

    return find


@pytest.fixture(scope="session")
def nano() -> str:
    """The names of the built-in models, as messages list them."""
    return ", ".join(nano_names())
