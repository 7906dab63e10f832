"""From a link's state to a page: the one place where the store is read for a browser."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html

from dashboards.blocks import Answer
from dashboards.data.library import Library
from dashboards.data.offers import Offers, offers_of
from dashboards.data.reader import SweepData
from dashboards.data.scope import Scope, scope_of
from dashboards.pages.components import answer_view, named, rest_view
from dashboards.pages.controls import controls_view
from dashboards.questions.catalogue import QUESTIONS, answer
from dashboards.selection import Selection
from ensemble_core.errors import InputError, W2SError
from w2s_platform.cli.failures import describe
from w2s_platform.results.kept import Kept

_log = logging.getLogger(__name__)
_KEPT, _LATER = 48, 16


@dataclass(frozen=True, eq=False)
class View:
    """What one look at the store showed."""

    children: list[Any]
    version: str
    """Two looks with the same version show the same; it ends with `?` and the link."""
    unread: int = 0
    """Finished stages, and evaluations, that are still to be read."""


class Views:
    """Makes pages; keeps the last ones, as readers go back and forth.

    Args:
        library: The store's sweeps.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._kept: Kept[Answer] = Kept(_KEPT)
        self._later: Kept[tuple[Answer, Selection, str]] = Kept(_LATER)
        self._offered = "", Offers((), {}, {})

    def page(self, query: str, seen: str | None = None) -> View | None:
        """The page of a link; a store that can't be read gives a page that says why.

        Args:
            query: The part of the link after the `?`.
            seen: The version that the reader has, of this link or another.

        Returns:
            None where the reader has this version.
        """
        try:
            return self._page(Selection.from_query(query), seen)
        except Exception as error:  # a page that says so, and the details in the log
            view = View([html.Main(_problem(error))], f"error {error!r}")
            if view.version != seen:
                _note(error)
        return None if view.version == seen else view

    def rest(self, later: str) -> list[Any]:
        """What a page left for later; of a page that is long gone, what its link shows by now.

        Args:
            later: What `answer_view` was told.
        """
        try:
            kept = self._later.get(later, lambda: None)
            return rest_view(*(kept or self._now(Selection.from_query(_link(later)))))
        except Exception as error:
            _note(error)
            return [_problem(error)]

    def _now(self, selection: Selection) -> tuple[Answer, Selection, str]:
        chosen = self._chosen(selection, self._library.names())
        data = self._library.look(chosen.sweeps)
        return self._answer(chosen, scope_of(data, chosen)), chosen, _stamp(data)

    def answer(self, selection: Selection) -> tuple[Answer, Scope]:
        """An answer with its numbers, as it is shown when all that it needs is read.

        Raises:
            W2SError: The store can't be read.
        """
        selection = self._chosen(selection, self._library.names())
        scope = scope_of(self._library.whole(selection.sweeps), selection)
        found = self._answer(selection, scope)
        before = found.unread + 1
        while 0 < found.unread < before:  # it ends too where something can't be read any more
            before, found = found.unread, self._answer(selection, scope)
        return found, scope

    def _chosen(self, selection: Selection, names: Sequence[str]) -> Selection:
        """With a question and sweeps; the newest of the store where none was chosen."""
        if not names:
            hint = "`w2s run FILE` records a sweep; --store or W2S_STORE name another store"
            raise InputError("this store holds no sweep", where=self._library.store.url, hint=hint)
        question = selection.question if selection.question in QUESTIONS else next(iter(QUESTIONS))
        chosen = selection.sweeps or (self._library.newest(names),)
        return selection.but(question=question, sweeps=chosen)

    def _page(self, selection: Selection, seen: str | None) -> View | None:
        names = self._library.names()
        selection = self._chosen(selection, names)
        data = self._library.look(selection.sweeps)
        link = selection.to_query()
        version = f"{self._version(data)}?{link}"
        if version == seen:
            return None
        scope = scope_of(data, selection)
        found, stamp = self._answer(selection, scope), _stamp(data)
        offers = self._offers(data, selection)
        # Who sees a page for the first time waits for its first figure only. One that takes the
        # place of another comes whole: nothing that is looked at goes away.
        later = "" if _link(seen) == link else version
        if later:
            self._later.get(later, lambda: (found, selection, stamp))
        children = [
            _header(data),
            _questions(selection),
            controls_view(found, scope, offers, names, selection),
            html.Main(
                [*_progress(data, found.unread), *answer_view(found, selection, stamp, later)],
                id="main",
            ),
        ]
        unread = sum(each.unread for each in data) + found.unread
        return View(children, f"{'… ' * (found.unread > 0)}{version}", unread)

    def _offers(self, data: list[SweepData], selection: Selection) -> Offers:
        """The same for every page of a state of the sweeps."""
        version = self._version(data)
        if self._offered[0] != version:
            self._offered = version, offers_of(scope_of(data, selection.but(where={})).rows)
        return self._offered[1]

    def _answer(self, selection: Selection, scope: Scope) -> Answer:
        key = (selection.to_query(), self._version(scope.data))
        partial: list[Answer] = []

        def make() -> Answer | None:
            made = answer(selection.question, scope, self._library.stored)
            partial[:] = [made]
            return None if made.unread else made

        return self._kept.get(key, make) or partial[0]

    @staticmethod
    def _version(data: Iterable[SweepData]) -> str:
        return " ".join(f"{each.sweep}:{each.key[:12]}:{each.version}" for each in data)


def _header(data: list[SweepData]) -> Any:
    title = " and ".join(each.sweep for each in data)
    return html.Header(
        [
            html.H1(title),
            html.Span(_stamp(data), className="stamp"),
            html.Button("Light or dark", type="button", className="theme"),
        ],
        className="top",
    )


def _stamp(data: list[SweepData]) -> str:
    return " | ".join(each.stamp for each in data)


def _questions(selection: Selection) -> Any:
    links = [
        dcc.Link(
            question,
            href=f"?{selection.but(question=name).to_query()}",
            className="current" if name == selection.question else "",
        )
        for name, question in QUESTIONS.items()
    ]
    return html.Nav(links, className="questions", **named("Questions"))


def _progress(data: list[SweepData], evaluations: int) -> list[Any]:
    unread = sum(each.unread for each in data)
    damaged = sum(each.damaged for each in data)
    lines: list[str] = []
    if unread:
        lines.append(f"reading the store: {unread} finished stages are still to be read")
    if evaluations:
        lines.append(f"reading the store: {evaluations} evaluations are still to be read for this")
    if damaged:
        lines.append(f"{damaged} finished stages have damaged files and count as absent")
    return [html.P(line, className="progress", role="status") for line in lines]


def _link(version: str | None) -> str:
    return (version or "").rpartition("?")[2]


def _note(error: Exception) -> None:
    if not isinstance(error, W2SError):
        _log.error("a page could not be made", exc_info=error)


def _problem(error: Exception) -> Any:
    if isinstance(error, W2SError):
        title, lines = "The store can't be shown", describe(error)[0]
    else:
        title, lines = "This page could not be made", [f"{type(error).__name__}: {error}"]
    told = [html.H1(title), *(html.P(line.strip()) for line in lines)]
    return html.Div(told, className="problem", role="alert")
