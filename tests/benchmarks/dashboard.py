"""How long the dashboard keeps a reader waiting, at 10,000 cells with 20 measurements each.

Writes such a sweep into a store (a minute), serves it, and looks at it with a real browser:

    python tests/benchmarks/dashboard.py STORE [--cells 10000]

Prints seconds until something is painted and until the first figure stands, for a server that has
just been started and for one that has read the store, and the time that a filter takes, from the
click on a value until the new figures stand.
"""

import argparse
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "dashboards"))

from ledgers import grid, write_sweep
from playwright.sync_api import sync_playwright

from dashboards.data.library import Library
from dashboards.pages.guard import Guard
from dashboards.pages.serve import LOOK, listening
from w2s_platform.store import open_store

FIGURE = "#worked-levels .main-svg"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime / 1000"


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
    server = listening(Library(store.url, budget=LOOK), Guard(), "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        measure(browser, f"http://127.0.0.1:{server.server_port}/?show=worked&sweep=big")
        browser.close()


def measure(browser: Any, link: str) -> None:
    for name in ("cold", "warm", "warm"):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        began = time.perf_counter()
        page.goto(link)
        page.wait_for_selector(FIGURE)
        shown = time.perf_counter() - began
        report(f"{name}: first paint", page.evaluate(PAINTED))
        report(f"{name}: first figure", shown)
        if name == "cold":
            page.wait_for_selector("text=/10000 of 10000 cells/")
            report("cold: all cells are read", time.perf_counter() - began)
        else:
            filters(page)
        page.close()


def filters(page: Any) -> None:
    page.get_by_text("Filters", exact=True).click()
    for value in ("mean", "gate"):
        page.get_by_label("Only combine").click()
        page.evaluate(WATCH)
        page.get_by_role("option", name=value, exact=True).click()
        while page.evaluate("window.w2sDrawn") is None:
            page.wait_for_timeout(50)
        page.keyboard.press("Escape")
        report(f"filter {value}", page.evaluate("window.w2sDrawn") / 1000)


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
