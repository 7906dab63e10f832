"""Stores with sweeps of made-up numbers, and a dashboard over one, with a browser before it."""

import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from ledgers import NASTY, cell, finish, grid, write_sweep
from live_dashboard import Live, listen

from w2s_platform.store import Store, open_store

CHROMIUM = os.environ.get("W2S_CHROMIUM") or shutil.which("chromium") or shutil.which("chrome")


@pytest.fixture
def empty(tmp_path: Path) -> Store:
    """A store that holds nothing yet."""
    store = open_store(str(tmp_path / "store"))
    store.prepare()
    return store


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A finished sweep `study`, half of a sweep `part`, and names that try to be HTML in `nasty`.

    To be read only.
    """
    store = open_store(str(tmp_path_factory.mktemp("dash") / "store"))
    store.prepare()
    write_sweep(store, "part", grid("part", 40), finished=12)
    nasty = [cell("nasty", {"experts.combine": NASTY}, seed, task=NASTY) for seed in range(3)]
    write_sweep(store, "nasty", nasty)
    write_sweep(store, "study", grid("study", 40))
    return store


@pytest.fixture(scope="session")
def live(filled: Store) -> Generator[Live]:
    """The dashboard over `filled`."""
    yield from listen(filled)


@pytest.fixture
def growing(empty: Store) -> Generator[Live]:
    """A dashboard over a sweep of which one cell has finished."""
    cells = grid("study", 10)
    write_sweep(empty, "study", cells, finished=0)
    finish(empty, cells[0])
    yield from listen(empty)


@pytest.fixture(scope="module")
def browser() -> Generator[Any]:
    """Chromium; tests that need one are skipped where there is none.

    Closed after each module: while Playwright is there, this thread has a running event loop, and
    no other test can start one.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium: install Debian's `chromium`, or name one in W2S_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def tab(browser: Any) -> Generator[Any]:
    """A page of 1280 x 900 in which no script may fail; `tab.requests` lists what it asked for."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.asked = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    yield page
    page.close()
    assert errors == []
