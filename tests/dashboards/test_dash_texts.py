"""What models wrote and what errors say is shown as text, and never run."""

import html
from pathlib import Path
from typing import Any

import pytest
from ledgers import NASTY
from live_dashboard import listen
from outcomes import answered

from dashboards.questions.catalogue import QUESTIONS
from dashboards.report.write import write_report
from ensemble_core.tasks.question import Question
from w2s_platform.store import Store


@pytest.fixture
def hostile(empty: Store) -> Store:
    """A sweep with HTML in a prompt, in answers, and in the error of a stage that failed."""
    question = Question(prompt=f"Q {NASTY}", answer=f" {NASTY}", difficulty=NASTY)
    given = {"floor": f"no {NASTY}", "ensemble": f" {NASTY}"}
    cells = [answered(empty, "study", {}, seed, question, given) for seed in range(2)]
    broken = {**cells[0], "id": "b" * 12, "seed": 2, "stages": ["b" * 64], "measures": []}
    lease = empty.acquire("b" * 64, "round")
    assert lease is not None
    with lease:
        lease.fail(f"could not read {NASTY}", deterministic=True)
    empty.record_sweep("study", {"sweep": "study", "cells": [*cells, broken]})
    return empty


def test_a_report_shows_hostile_answers_and_errors_as_text(hostile: Store, tmp_path: Path) -> None:
    page = write_report(hostile.url, "study", tmp_path).read_text()
    for said in (f"no {NASTY}", f"Q {NASTY}", f"could not read {NASTY}"):
        assert html.escape(said) in page
    assert "<script>window" not in page
    assert "<img" not in page


@pytest.mark.slow
def test_a_browser_runs_nothing_of_them(hostile: Store, tab: Any, tmp_path: Path) -> None:
    for live in listen(hostile):
        pages = [live.page(name, "study") for name in QUESTIONS]
        for page in (*pages, write_report(hostile.url, "study", tmp_path).as_uri()):
            tab.goto(page)
            tab.wait_for_selector("article, .lead")
            tab.wait_for_timeout(500)
            assert tab.evaluate("window.hacked") is None, page
            assert tab.locator("img[src='x']").count() == 0, page
        tab.goto(live.page("why", "study"))
        tab.get_by_text(f"✗ no {NASTY}").first.wait_for(state="visible")
