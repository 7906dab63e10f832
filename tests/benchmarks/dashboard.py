"""How long the dashboard keeps a reader waiting, at 10,000 cells with 20 measurements each.

Writes such a sweep into a store (a minute), serves it as `w2s dashboard` does, and looks at it with
a real browser:

    python tests/benchmarks/dashboard.py STORE [--cells 10000]

Prints seconds until something is painted and until the first figure stands, for a server that has
just been started and for one that has read the store, and the time that a filter takes on three
pages, from the click on a value until the figure at the top stands anew, and until all do.
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
            for question in ("worked", "mattered", "cost"):
                taken = filters(browser, f"{url}?show={question}&sweep=big")
                print(f"filter, {question}: {taken}", flush=True)  # noqa: T201
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
        page.close()


def filters(browser: Any, link: str) -> str:
    """What choices take that nobody has made before: the server has to work for each."""
    first: list[float] = []
    whole: list[float] = []
    for more in ("", "&f.experts.count=1", "&f.experts.count=8"):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(link + more)
        until(page, f"({STANDS})()")
        page.wait_for_timeout(1000)
        if not more:
            page.get_by_text("Filters", exact=True).click()
        for value in VALUES:
            page.get_by_label("Only combine").click()
            page.evaluate(WATCH)
            page.get_by_role("option", name=value, exact=True).click()
            until(page, "window.w2sWhole")
            page.keyboard.press("Escape")
            first.append(page.evaluate("window.w2sFirst") / 1000)
            whole.append(page.evaluate("window.w2sWhole") / 1000)
            page.wait_for_timeout(300)
        page.close()
    return (
        f"first figure {statistics.median(first):.2f} s (at most {max(first):.2f}), "
        f"all figures {statistics.median(whole):.2f} s (at most {max(whole):.2f}); "
        f"{len(first)} choices"
    )


def until(page: Any, condition: str) -> None:
    """`wait_for_function` asks for what the page's own rules forbid."""
    while not page.evaluate(condition):
        page.wait_for_timeout(50)


STANDS = """() => !document.querySelector('.rest > .progress')
  && document.querySelector('.dash-graph')
  && [...document.querySelectorAll('.dash-graph')].every((each) => each.querySelector('.main-svg'))
"""
WATCH = f"""() => {{
  window.w2sFirst = window.w2sWhole = null;
  const old = new Set(document.querySelectorAll('.js-plotly-plot'));
  document.addEventListener('click', () => {{
    const began = performance.now();
    const look = () => {{
      const plots = [...document.querySelectorAll('.js-plotly-plot')];
      const isNew = (plot) => !old.has(plot) && plot.querySelector('.main-svg .trace');
      if (plots.length && isNew(plots[0])) window.w2sFirst ??= performance.now() - began;
      if (window.w2sFirst && ({STANDS})() && !plots.some((plot) => old.has(plot))) {{
        window.w2sWhole = performance.now() - began;
      }} else requestAnimationFrame(look);
    }};
    look();
  }}, {{ capture: true, once: true }});
}}"""


def report(what: str, seconds: float) -> None:
    print(f"{what}: {seconds:.2f} s", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
