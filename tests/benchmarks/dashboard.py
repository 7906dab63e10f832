"""How long the dashboard keeps a reader waiting, at 10,000 cells with 20 measurements each.

Writes such a sweep into a store (a minute), serves it as `w2s dashboard` does, and looks at it with
a real browser:

    python tests/benchmarks/dashboard.py STORE [--cells 10000]

Prints seconds until something is painted and until the first figure stands, for a server that has
just been started and for one that has read the store, and the time that a filter takes, from the
click on a value until the new figures stand.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "dashboards"))

from ledgers import grid, write_sweep
from playwright.sync_api import sync_playwright

from w2s_platform.store import open_store

FIGURE = "#worked-levels .main-svg"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime / 1000"
VALUES = ("mean", "gate", "vote", "product")
"""Chosen one after the other, each beside those before: more and more rows are shown."""


def main() -> None:
    """Write the store if it isn't there, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store")
    parser.add_argument("--cells", type=int, default=10_000)
    arguments = parser.parse_args()
    store = open_store(arguments.store)
    if "big" not in store.sweeps():
        store.prepare()
        write_sweep(store, "big", grid("big", arguments.cells))
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        with served(arguments.store) as url:
            measure(browser, f"{url}?show=worked&sweep=big", arguments.cells)
        browser.close()


@contextmanager
def served(store: str) -> Generator[str]:
    """The address of a dashboard that has just been started."""
    command = [str(Path(sys.executable).with_name("w2s")), "dashboard", "--port", "0"]
    began = time.perf_counter()
    process = subprocess.Popen([*command, "--store", store], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        report("the server listens", time.perf_counter() - began)
        yield line.split()[1]
    finally:
        process.terminate()
        process.wait()


def measure(browser: Any, link: str, cells: int) -> None:
    taken: list[float] = []
    for name in ("cold", "warm", "warm", "warm"):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        began = time.perf_counter()
        page.goto(link)
        page.wait_for_selector(FIGURE)
        shown = time.perf_counter() - began
        report(f"{name}: first paint", page.evaluate(PAINTED))
        report(f"{name}: first figure", shown)
        if name == "cold":
            page.wait_for_selector(f"text=/{cells} of {cells} cells/")
            report("cold: all cells are read", time.perf_counter() - began)
        else:
            taken += filters(page)
        page.close()
    report("median of filters", statistics.median(taken))


def filters(page: Any) -> list[float]:
    taken: list[float] = []
    page.get_by_text("Filters", exact=True).click()
    for value in VALUES:
        page.get_by_label("Only combine").click()
        page.evaluate(WATCH)
        page.get_by_role("option", name=value, exact=True).click()
        while page.evaluate("window.w2sDrawn") is None:
            page.wait_for_timeout(50)
        page.keyboard.press("Escape")
        taken.append(page.evaluate("window.w2sDrawn") / 1000)
        report(f"filter {value}", taken[-1])
        page.wait_for_timeout(500)  # the figures further down
    return taken


WATCH = """() => {
  window.w2sDrawn = null;
  const old = document.querySelector('.js-plotly-plot');
  document.addEventListener('click', () => {
    const began = performance.now();
    const look = () => {
      const plot = document.querySelector('.js-plotly-plot');
      if (plot && plot !== old && plot.querySelector('.main-svg .points path')) {
        window.w2sDrawn = performance.now() - began;
      } else requestAnimationFrame(look);
    };
    look();
  }, { capture: true, once: true });
}"""


def report(what: str, seconds: float) -> None:
    print(f"{what}: {seconds:.2f} s", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
