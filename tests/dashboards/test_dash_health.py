"""Is it healthy: every cell once, and what failed in plain words."""

import pytest
from asking import asked
from ledgers import fail, grid, write_sweep

from w2s_platform.store import Store


def test_health_counts_every_cell_once(filled: Store) -> None:
    block = asked(filled, "health", "part").block("states")
    assert block is not None
    cells = block.frame.set_index("what").loc["cells"].to_dict()
    assert cells == {"done": 12, "cached": 0, "running": 0, "waiting": 28, "failed": 0}


def test_failures_are_told_in_plain_words(empty: Store) -> None:
    cells = grid("study", 5)
    write_sweep(empty, "study", cells, finished=0)
    fail(empty, cells[0], "the answer does not fit the context")
    block = asked(empty, "health").block("failures")
    assert block is not None
    (line,) = block.frame.to_dict("records")
    assert line["error"] == "the answer does not fit the context"
    assert (line["stage"], line["would fail again"], line["cells waiting"]) == ("evaluate", True, 1)
    assert "1 failed" in asked(empty, "health").lead[0]
    assert block.words == ("1 stage failed, for 1 cell: the answer does not fit the context",)


def test_stages_that_failed_alike_are_told_once(empty: Store) -> None:
    cells = grid("study", 5)
    write_sweep(empty, "study", cells, finished=0)
    for each, error in zip(cells, ("too long", "too long", "no memory"), strict=False):
        fail(empty, each, error)
    block = asked(empty, "health").block("failures")
    assert block is not None
    assert sorted(block.words) == [
        "1 stage failed, for 1 cell: no memory",
        "2 stages failed, for 2 cells: too long",
    ]
    assert all(time.endswith("UTC") for time in block.shown["ended"])


@pytest.mark.parametrize("question", ["worked", "mattered", "tasks", "why"])
def test_a_sweep_that_failed_says_so_where_its_numbers_would_be(
    empty: Store, question: str
) -> None:
    cells = grid("study", 5)
    write_sweep(empty, "study", cells, finished=0)
    fail(empty, cells[0], "no memory")
    assert asked(empty, question).lead == (
        "No measurement has finished yet. 1 of 5 cells failed: “Is it healthy?” tells why.",
    )
