"""What the dashboard remembers: nothing is read twice, nothing that is shown is stale."""

import threading
from typing import Any

import pandas as pd
import pytest
from ledgers import cell, finish, grid, key_of, publish, write_sweep
from outcomes import answered
from pandas.testing import assert_frame_equal

from dashboards.blocks import Answer
from dashboards.data.library import Library
from dashboards.data.scope import scope_of
from dashboards.data.stored import Stored
from dashboards.pages.serve import warm_up
from dashboards.pages.views import Views
from dashboards.questions.catalogue import answer
from dashboards.selection import Selection
from ensemble_core.tasks.question import Question
from w2s_platform import results
from w2s_platform.results.kept import Kept
from w2s_platform.results.summary import summarise
from w2s_platform.store import Store

QUESTION = Question("1 + 1 =", " two", difficulty=1.0)


@pytest.fixture
def opened(empty: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the artifacts and manifests that were opened."""
    seen: list[str] = []
    find, manifest = Store.find, Store.manifest
    monkeypatch.setattr(Store, "find", lambda self, key: seen.append(key) or find(self, key))
    monkeypatch.setattr(
        Store, "manifest", lambda self, key: seen.append(key) or manifest(self, key)
    )
    return seen


def asked_cells(store: Store, seeds: range) -> list[dict[str, Any]]:
    given = {"floor": " three", "ensemble": " two"}
    return [answered(store, "study", {"k": 1}, seed, QUESTION, given) for seed in seeds]


def shown(library: Library, question: str, **chosen: Any) -> Answer:
    data = library.look(["study"])
    return answer(question, scope_of(data, Selection(**chosen)), library.stored)


def frame(found: Answer, block: str) -> pd.DataFrame:
    named = found.block(block)
    assert named is not None
    return named.frame


def test_a_new_cell_is_shown_and_the_others_are_not_read_again(
    empty: Store, opened: list[str]
) -> None:
    cells = asked_cells(empty, range(2))
    write_sweep(empty, "study", cells, finished=0)
    library = Library(empty.url)
    assert "2 cells" in " ".join(shown(library, "tasks").blocks[-1].notes)
    more = asked_cells(empty, range(2, 3))
    write_sweep(empty, "study", [*cells, *more], finished=0)
    opened.clear()
    found = shown(library, "tasks")
    assert "3 cells" in " ".join(found.blocks[-1].notes)
    assert set(opened) - {key_of("data", QUESTION.prompt)} == set(more[0]["stages"])
    assert_frame_equal(
        frame(found, "disagreement"), frame(shown(Library(empty.url), "tasks"), "disagreement")
    )


def test_a_cell_is_looked_into_again_when_a_stage_of_it_has_finished(empty: Store) -> None:
    first, second = (cell("study", {"k": 1}, seed) for seed in (0, 1))
    second["stages"].append(key_of("later"))
    write_sweep(empty, "study", [first, second], finished=0)
    finish(empty, first)
    library, reads = Library(empty.url), list[str]()

    def reader(store: Store, ledger: Any, cell: str) -> int:
        reads.append(cell)
        return len(reads)

    def ask(number: int) -> int:
        (data,) = library.look(["study"])
        return library.stored.ask(reader, data, cell=(first, second)[number]["id"])

    assert (ask(0), ask(1), ask(0)) == (1, 2, 1)
    finish(empty, second)
    assert (ask(0), ask(1)) == (1, 3)
    publish(empty, key_of("later"), "round", {})
    assert (ask(1), ask(0)) == (4, 1)


def test_costs_are_those_of_the_terminal_and_manifests_are_read_once(
    empty: Store, opened: list[str]
) -> None:
    cells = grid("study", 10)
    write_sweep(empty, "study", cells, finished=4)
    library = Library(empty.url)
    assert int(frame(shown(library, "cost"), "kinds")["stages"].iloc[0]) == 4
    finish(empty, cells[7])
    lease = empty.acquire(cells[8]["stages"][0], "evaluate")
    assert lease is not None
    with lease:
        lease.fail("out of memory", deterministic=False)
    opened.clear()
    got = frame(shown(library, "cost"), "kinds")
    finished = {cells[place]["stages"][0] for place in (0, 1, 2, 3)}
    assert not finished & set(opened)
    want = results.costs(empty, "study")
    assert_frame_equal(got[want.columns], want)
    assert (want["stages"].item(), want["failed_attempts"].item()) == (5, 1)


def test_a_look_reads_as_much_as_it_has_time_for_and_the_next_goes_on(empty: Store) -> None:
    write_sweep(empty, "study", asked_cells(empty, range(3)), finished=0)
    library = Library(empty.url)
    (data,) = library.look(["study"])
    hurried = Stored(library.store, budget=0.0)
    scope = scope_of([data], Selection())
    found = [answer("tasks", scope, hurried) for _ in range(30)]
    left = [each.unread for each in found]
    assert left[0] > 0
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0
    whole = answer("tasks", scope, Stored(library.store))
    for block in whole.blocks:
        assert_frame_equal(frame(found[-1], block.name), block.frame)


def test_a_page_that_is_not_whole_says_so_and_is_looked_at_again(empty: Store) -> None:
    write_sweep(empty, "study", asked_cells(empty, range(3)), finished=0)
    library = Library(empty.url, budget=0.0)
    views, seen, unread = Views(library), None, list[int]()
    for _ in range(60):
        view = views.page("?show=tasks&sweep=study", seen)
        if view is None:
            break
        unread.append(view.unread)
        assert ("still to be read" in str(view.children)) == (view.unread > 0)
        seen = view.version
    assert unread[0] > 0
    assert unread[-1] == 0
    assert views.page("?show=tasks&sweep=study", seen) is None


def test_a_download_is_whole_even_where_the_page_is_not(empty: Store) -> None:
    write_sweep(empty, "study", asked_cells(empty, range(3)), finished=0)
    library = Library(empty.url, budget=0.0)
    while library.look(["study"])[0].unread:
        pass
    found, _ = Views(library).answer(Selection("tasks", ("study",)))
    whole = shown(Library(empty.url), "tasks")
    assert found.unread == 0
    assert_frame_equal(frame(found, "disagreement"), frame(whole, "disagreement"))


def test_a_changed_filter_shows_its_own_rows(filled: Store) -> None:
    views = Views(Library(filled.url))
    rows = results.load(filled, "study")
    first, *_, last = sorted(rows["experts.count"].unique())
    for count in (first, last, first):
        where = {"experts.count": (str(count),)}
        found, _ = views.answer(Selection(sweeps=("study",), by=("nothing",), where=where))
        kept = rows[(rows["experts.count"] == count) & (rows["metric"] == "accuracy")]
        means = frame(found, "levels").set_index(["role", "subject"])["mean"]
        want = summarise(kept, []).set_index(["role", "subject"])["mean"]
        assert means.sort_index().tolist() == want.sort_index().tolist()


def test_what_is_read_ahead_is_seen_while_it_is_read(empty: Store) -> None:
    write_sweep(empty, "study", grid("study", 10))
    library = Library(empty.url, budget=10.0)
    sizes: list[int] = []
    for data in library.read_ahead("study", 0.0):
        assert library.look(["study"]) == [data]
        sizes.append(data.frame["cell"].nunique())
    assert sizes == list(range(1, 11))
    assert_frame_equal(library.look(["study"])[0].frame, results.load(empty, "study"))


def test_reading_ahead_waits_while_a_page_is_made(empty: Store) -> None:
    write_sweep(empty, "study", grid("study", 10))
    library = Library(empty.url)
    parts = library.read_ahead("study", 0.0)
    next(parts)
    rest: list[Any] = []
    with library.at_work():
        thread = threading.Thread(target=lambda: rest.extend(parts))
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        assert rest == []
    thread.join(20)
    assert len(rest) == 9


def test_a_store_that_cannot_be_read_is_not_read_ahead(tmp_path: Any) -> None:
    (tmp_path / "store").write_text("no store")
    thread = warm_up(Library(str(tmp_path / "store")))
    thread.join(20)
    assert not thread.is_alive()


def test_no_more_is_kept_than_was_said() -> None:
    kept, made = Kept[int](2), list[str]()

    def get(name: str) -> int | None:
        return kept.get(name, lambda: made.append(name) or len(made))

    assert [get(name) for name in "abacab"] == [1, 2, 1, 3, 1, 4]
    assert "".join(made) == "abcb"
    assert [name in kept for name in "abc"] == [True, True, False]


def test_nothing_is_not_kept() -> None:
    kept = Kept[int](2)
    assert kept.get("later", lambda: None) is None
    assert kept.get("later", lambda: 3) == 3
    assert kept.get("later", lambda: 4) == 3
