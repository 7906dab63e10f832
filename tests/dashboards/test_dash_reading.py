"""Reading a sweep in pieces, choosing in it, and saying what is left out."""

import json

import pytest
from ledgers import LEVELS, cell, finish, grid, write_sweep
from pandas.testing import assert_frame_equal

from dashboards.data.library import Library
from dashboards.data.reader import SweepReader
from dashboards.data.scope import choices, scope_of, sort_key
from dashboards.selection import Selection
from ensemble_core.errors import InputError
from w2s_platform.results import load
from w2s_platform.store import Store, names


class Ticks:
    """A clock that moves by one second each time it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_rows_are_those_of_results(filled: Store) -> None:
    read = SweepReader(filled, "study").refresh()
    assert_frame_equal(read.frame, load(filled, "study"))
    assert len(read.frame) == 40 * (20 + 4)  # with the PGR of two students on ID and OOD


def test_a_second_look_reads_what_is_new_and_nothing_else(empty: Store) -> None:
    cells = grid("study", 10)
    write_sweep(empty, "study", cells, finished=0)
    finish(empty, cells[7])
    reader = SweepReader(empty, "study")
    first = reader.refresh()
    assert first.frame["cell"].unique().tolist() == [cells[7]["id"]]
    assert reader.refresh() is first
    finish(empty, cells[2])
    opened: list[str] = []
    find = empty.find
    empty.find = lambda key: opened.append(key) or find(key)  # type: ignore[method-assign]
    second = reader.refresh()
    assert set(opened) == set(cells[2]["stages"])
    assert second.version > first.version
    assert_frame_equal(second.frame, load(empty, "study"))


def test_a_budget_leaves_the_rest_to_the_next_look(empty: Store) -> None:
    write_sweep(empty, "study", grid("study", 10))
    reader = SweepReader(empty, "study", clock=Ticks())
    seen = [reader.refresh(budget=3.5) for _ in range(4)]
    assert [data.unread for data in seen] == [6, 2, 0, 0]
    assert [data.frame["cell"].nunique() for data in seen] == [4, 8, 10, 10]
    assert_frame_equal(seen[-1].frame, load(empty, "study"))


def test_a_ledger_that_grows_keeps_what_was_read(empty: Store) -> None:
    cells = grid("study", 10)
    write_sweep(empty, "study", cells[:5])
    reader = SweepReader(empty, "study")
    reader.refresh()
    extra = cell("study", {"experts.unit": "window"}, 0)
    write_sweep(empty, "study", [*cells[2:5], extra], finished=0)
    finish(empty, extra)
    after = reader.refresh()
    assert_frame_equal(after.frame, load(empty, "study"), check_dtype=False)
    assert after.frame["cell"].nunique() == 4
    assert "experts.unit" in after.frame.columns


def test_damaged_files_count_as_absent_and_are_counted(empty: Store) -> None:
    cells = grid("study", 10)
    write_sweep(empty, "study", cells)
    broken = empty.backend.local_path(names.attempt(cells[0]["stages"][0], "a"))
    (broken / "measurements.json").write_text("[")
    data = SweepReader(empty, "study").refresh()
    assert data.damaged == 1
    assert data.frame["cell"].nunique() == 9


def test_an_unknown_sweep_is_an_error_that_lists_those_there_are(filled: Store) -> None:
    with pytest.raises(InputError, match=r"no sweep named `other`.*nasty, part, study"):
        Library(filled.url).look(["other"])


def test_a_link_gives_back_the_selection() -> None:
    chosen = Selection(
        "mattered", ("a b", "c&d"), metric="nll", by=("experts.count",), x="seed", cell="00",
        where={"experts.combine": ("mean", "vote"), "task": ("arc[difficulty=1..3]", "é<")},
    )  # fmt: skip
    assert Selection.from_query(f"?{chosen.to_query()}") == chosen
    assert Selection.from_query("") == Selection()


def test_what_a_link_does_not_know_is_passed_over() -> None:
    assert Selection.from_query("?show=cost&nothing=1&_x=2") == Selection("cost")


def scope(store: Store, sweep: str, **chosen: object):
    selection = Selection(sweeps=(sweep,), **chosen)  # type: ignore[arg-type]
    return scope_of(Library(store.url).look([sweep]), selection)


def test_notes_say_how_much_is_shown_and_what_is_not(filled: Store) -> None:
    assert scope(filled, "study").notes()[0] == "shows 5 seeds, 40 of 40 cells"
    assert scope(filled, "part").notes()[0] == (
        "shows 5 seeds, 12 of 40 cells; not shown: 28 waiting"
    )
    some = scope(filled, "part", where={"seed": ("0", "1")}).notes()
    assert some[0] == "shows 2 seeds, 6 of 40 cells; not shown: 28 waiting, 6 filtered out"
    assert "only seed: 0, 1" in some


def test_a_metric_that_was_measured_on_test_questions_comes_first(filled: Store) -> None:
    assert scope(filled, "study").metrics == ["accuracy", "nll"]
    assert scope(filled, "study", metric="nll").metric == "nll"
    assert scope(filled, "study", metric="no such").metric == "accuracy"


def test_models_are_sorted_by_their_sizes() -> None:
    named = ["pythia-1b", "pythia-70m", "pythia-1.4b", "pythia-410m", "nano-m", "nano-s", "gpt2"]
    order = ["gpt2", "nano-s", "nano-m", "pythia-70m", "pythia-410m", "pythia-1b", "pythia-1.4b"]
    by_name = sorted(named, key=lambda name: (name.partition("-")[0], sort_key(name)))
    assert by_name == order
    assert sorted([10, 9, 2.5, None], key=sort_key) == [2.5, 9, 10, None]


def test_choices_of_a_column_are_its_values(filled: Store) -> None:
    assert choices(scope(filled, "study").rows, "subject") == sorted(LEVELS)
    assert json.dumps(choices(scope(filled, "study").rows, "seed")) == '["0", "1", "2", "3", "4"]'
