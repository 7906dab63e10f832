"""A page shows its first figure at once, and the others when they are made."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ledgers import finish, grid, write_sweep

from dashboards.blocks import Block, Blocks
from dashboards.data.library import Library
from dashboards.pages.views import View, Views
from w2s_platform.store import Store

QUERY = "?show=worked&sweep=study&by=nothing"


def block(name: str) -> Block:
    return Block(name, name, pd.DataFrame())


def parts(component: Any) -> Iterator[Any]:
    """A component and all that it holds."""
    yield component
    inside = getattr(component, "children", None)
    for each in inside if isinstance(inside, list) else [inside]:
        if hasattr(each, "to_plotly_json"):
            yield from parts(each)


def names(components: list[Any]) -> list[str]:
    """The blocks among them, in order."""
    every = (part for component in components for part in parts(component))
    return [part.id for part in every if type(part).__name__ == "Article"]


def later(view: View) -> str:
    """What a page asks for the rest with."""
    every = (part for component in view.children for part in parts(component))
    ids = (getattr(part, "id", None) for part in every)
    return next((found["rest"] for found in ids if isinstance(found, dict) and "rest" in found), "")


def page(views: Views, seen: str | None = None) -> View:
    view = views.page(QUERY, seen)
    assert view is not None
    return view


def outdated(store: Store) -> tuple[Views, View]:
    """A page that was shown when two of ten cells had finished; by now, three have."""
    cells = grid("study", 10)
    write_sweep(store, "study", cells, finished=2)
    views = Views(Library(store.url))
    view = page(views)
    finish(store, cells[2])
    return views, view


def test_blocks_are_made_when_they_are_asked_for_and_once() -> None:
    made: list[str] = []

    def making() -> Iterator[Block]:
        for name in ("a", "b", "c"):
            made.append(name)
            yield block(name)

    blocks = Blocks(making)
    assert [each.name for each in islice(blocks, 1)] == ["a"]
    assert made == ["a"]
    assert [each.name for each in blocks] == ["a", "b", "c"]
    assert blocks[-1].name == "c"
    assert len(blocks) == 3
    assert made == ["a", "b", "c"]


def test_blocks_that_could_not_be_made_are_tried_again_and_never_missing_silently() -> None:
    broken = ["the disk is away"] * 2

    def making() -> Iterator[Block]:
        yield block("a")
        if broken:
            raise OSError(broken.pop())
        yield block("b")

    blocks = Blocks(making)
    first = blocks[0]
    for _ in range(2):
        with pytest.raises(OSError, match="away"):
            list(blocks)
    assert [each.name for each in blocks] == ["a", "b"]
    assert blocks[0] is first


def test_the_first_block_comes_at_once_and_the_others_are_asked_for(filled: Store) -> None:
    views = Views(Library(filled.url))
    view = page(views)
    assert names(view.children) == ["worked-levels"]
    assert names(views.rest(later(view))) == ["worked-pgr", "worked-gains"]


def test_a_page_that_takes_the_place_of_another_comes_whole(empty: Store) -> None:
    views, first = outdated(empty)
    second = page(views, first.version)
    assert names(second.children) == ["worked-levels", "worked-pgr", "worked-gains"]
    assert later(second) == ""


def test_the_others_belong_to_the_same_state_as_the_first(empty: Store) -> None:
    views, view = outdated(empty)
    page(views, view.version)
    assert "2 of 10 cells" in str(views.rest(later(view)))


def test_the_others_of_a_page_of_another_server_are_made_anew(filled: Store) -> None:
    asked = later(page(Views(Library(filled.url))))
    found = Views(Library(filled.url)).rest(asked)
    assert names(found) == ["worked-pgr", "worked-gains"]


def test_a_store_that_broke_meanwhile_is_said_where_the_others_would_be(
    filled: Store, tmp_path: Path
) -> None:
    asked = later(page(Views(Library(filled.url))))
    (tmp_path / "store").write_text("no store")
    assert "this is a file" in str(Views(Library(str(tmp_path / "store"))).rest(asked))
