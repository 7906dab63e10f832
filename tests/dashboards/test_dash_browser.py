"""The dashboard and the report in a real browser: the seven questions, by mouse and keyboard."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from ledgers import finish, grid, write_sweep
from live_dashboard import Live, listen
from outcomes import answered

from dashboards.questions.catalogue import QUESTIONS
from dashboards.report.write import write_report
from ensemble_core.tasks.question import Question
from w2s_platform.results import load
from w2s_platform.results.summary import varied_columns
from w2s_platform.store import Store

pytestmark = pytest.mark.slow
SHOTS = os.environ.get("W2S_SCREENSHOTS")
"""A folder that keeps what the browser showed."""


def shot(tab: Any, name: str) -> None:
    if SHOTS:
        tab.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def drawn(tab: Any) -> None:
    """Wait until the first figure or table is there."""
    tab.wait_for_selector(".js-plotly-plot .main-svg, .block table")


def x_range(tab: Any) -> list[float]:
    return tab.evaluate("document.querySelector('.js-plotly-plot').layout.xaxis.range")


def test_an_analyst_clicks_through_the_questions(live: Live, tab: Any) -> None:
    tab.goto(live.page("worked", "study"))
    for name, question in QUESTIONS.items():
        tab.get_by_role("link", name=question, exact=True).click()
        tab.wait_for_selector(f"nav a.current:text-is('{question}')")
        tab.wait_for_selector(f"article[id^='{name}-'], .lead")
        tab.wait_for_timeout(400)
        assert tab.locator(".problem").count() == 0
        shot(tab, name)
    assert all(url.startswith((live.url, "data:", "blob:")) for url in tab.asked)


def test_the_first_page_says_what_the_terminal_says(live: Live, tab: Any) -> None:
    tab.goto(live.page("worked", "study", "&by=nothing"))
    drawn(tab)
    lead = tab.locator(".lead").inner_text()
    assert re.search(r"better than the first expert alone on ID questions: \+\d+\.\d points", lead)
    tab.locator("#worked-levels summary").click()
    assert tab.locator("#worked-levels tbody tr").count() == 8


def test_a_table_is_filled_when_it_is_unfolded_and_stays_so(live: Live, tab: Any) -> None:
    tab.goto(live.page("worked", "study", "&by=nothing"))
    drawn(tab)
    rows = tab.locator("#worked-levels tbody tr")
    assert rows.count() == 0
    tab.locator("#worked-levels summary").press("Enter")
    assert rows.count() == 8
    tab.get_by_text("Filters", exact=True).click()
    tab.get_by_label("Only count").click()
    tab.get_by_role("option", name="4", exact=True).click()
    tab.wait_for_selector("text=/only experts.count: 4/")
    rows.nth(7).wait_for(state="visible")


def test_a_filter_changes_the_figure_and_the_link(live: Live, tab: Any) -> None:
    tab.goto(live.page("worked", "study"))
    drawn(tab)
    tab.get_by_text("Filters", exact=True).click()
    tab.get_by_label("Only count").click()
    tab.get_by_role("option", name="4", exact=True).click()
    tab.wait_for_url("**f.experts.count=4**")
    tab.wait_for_selector("text=/only experts.count: 4/")
    link = tab.url
    tab.goto("about:blank")
    tab.goto(link)
    tab.wait_for_selector("text=/only experts.count: 4/")


def test_figures_out_of_sight_are_drawn_too(live: Live, tab: Any) -> None:
    tab.set_viewport_size({"width": 1280, "height": 400})
    tab.goto(live.page("worked", "study"))
    for block in ("levels", "pgr", "gains"):
        tab.wait_for_selector(f"#worked-{block} .main-svg .points path", state="attached")
    assert tab.locator("#worked-gains .points path").first.bounding_box()["y"] > 400


def test_a_link_in_a_table_leads_on_without_loading_the_page_anew(empty: Store, tab: Any) -> None:
    question = Question("1 + 1 =", " two")
    given = {"floor": " three", "ensemble": " two"}
    cells = [answered(empty, "study", {"k": 1}, seed, question, given) for seed in (0, 1)]
    write_sweep(empty, "study", cells, finished=0)
    for served in listen(empty):
        tab.goto(served.page("why", "study"))
        tab.evaluate("window.kept = true")
        tab.locator("#why-otherwise").get_by_role("link", name="token by token").first.click()
        tab.wait_for_url("**asked=**")
        assert tab.evaluate("window.kept")


def test_new_results_appear_and_the_zoom_stays(growing: Live, tab: Any) -> None:
    tab.goto(growing.page("worked", "study"))
    drawn(tab)
    tab.wait_for_selector("text=/1 of 10 cells/")
    link = tab.url
    figure = "document.querySelector('.js-plotly-plot')"
    tab.evaluate(f"window.Plotly.relayout({figure}, {{'xaxis.range': [30, 60]}})")
    assert x_range(tab) == [30, 60]
    for cell in grid("study", 10)[1:4]:
        finish(growing.store, cell)
    tab.wait_for_selector("text=/4 of 10 cells/", timeout=40_000)
    tab.wait_for_selector("text=/4 of 10 cells/ >> xpath=ancestor::article >> .main-svg")
    tab.wait_for_timeout(500)
    assert x_range(tab) == [30, 60]
    assert tab.url == link


def test_a_page_works_by_keyboard(live: Live, tab: Any) -> None:
    tab.goto(live.page("worked", "study"))
    drawn(tab)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.get_by_role("link", name="What did it cost?").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#cost-kinds")
    unnamed = tab.evaluate(
        "[...document.querySelectorAll('button, [role=img], a')].filter("
        "e => !(e.textContent.trim() || e.ariaLabel || e.dataset.title)).length"
    )
    assert unnamed == 0


def test_light_and_dark(live: Live, tab: Any) -> None:
    tab.goto(live.page("worked", "study"))
    drawn(tab)
    ground = "getComputedStyle(document.body).backgroundColor"
    before = tab.evaluate(ground)
    tab.get_by_role("button", name="Light or dark").click()
    assert tab.evaluate(ground) != before
    shot(tab, "worked-dark")


def test_a_phone_needs_no_sideways_scrolling(live: Live, tab: Any) -> None:
    tab.set_viewport_size({"width": 390, "height": 800})
    for name in QUESTIONS:
        tab.goto(live.page(name, "study"))
        tab.wait_for_selector("article, .lead")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390, name
    shot(tab, "phone")


@pytest.mark.parametrize("form", ["PNG", "SVG"])
def test_a_figure_is_saved_with_its_stamp(live: Live, tab: Any, form: str) -> None:
    tab.goto(live.page("worked", "study"))
    drawn(tab)
    with tab.expect_download() as download:
        tab.locator("#worked-levels").get_by_role("button", name=form).click()
    data = Path(download.value.path()).read_bytes()
    assert download.value.suggested_filename == f"worked-levels.{form.lower()}"
    if form == "PNG":
        assert data.startswith(b"\x89PNG")
    else:
        assert b"git c0ffeec0ff" in data
        assert b"ensemble" in data


@pytest.mark.parametrize("question", QUESTIONS)
def test_names_that_are_html_are_shown_as_text(live: Live, tab: Any, question: str) -> None:
    tab.goto(live.page(question, "nasty"))
    tab.wait_for_selector("article, .lead")
    tab.wait_for_timeout(500)
    assert tab.evaluate("window.hacked") is None
    assert tab.locator("img[src='x']").count() == 0


def test_the_report_opens_from_disk_without_a_network(
    filled: Store, tab: Any, tmp_path: Path
) -> None:
    path = write_report(filled.url, "study", tmp_path)
    rows = load(filled, "study")
    keys = ",".join(key for key in varied_columns(rows) if rows[key].nunique() > 1)
    tab.context.set_offline(True)
    tab.goto(path.as_uri())
    tab.wait_for_selector("#worked-levels .main-svg")
    tab.locator("#cost-kinds").scroll_into_view_if_needed()
    tab.wait_for_selector("#cost-kinds .main-svg")
    assert {url.partition(":")[0] for url in tab.asked} <= {"file", "data", "blob"}
    with tab.expect_download() as download:
        tab.locator("#worked-levels").get_by_role("button", name="CSV").click()
    assert Path(download.value.path()).read_text().startswith(f"{keys},role,metric,subject,mean")
    shot(tab, "report")


def test_a_report_runs_nothing_from_the_store(filled: Store, tab: Any, tmp_path: Path) -> None:
    tab.goto(write_report(filled.url, "nasty", tmp_path).as_uri())
    tab.wait_for_selector("#worked-levels .main-svg")
    tab.wait_for_timeout(500)
    assert tab.evaluate("window.hacked") is None
    assert tab.locator("img[src='x']").count() == 0
