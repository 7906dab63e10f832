"""From a command's arguments to a checked sweep, its task cards and its graph."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import w2s_platform

if TYPE_CHECKING:
    from ensemble_core.settings import ModelRef
    from ensemble_core.tasks.card import TaskCard
    from w2s_platform.graph.model import Graph
    from w2s_platform.sweepfile.sweep import Sweep

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Study:
    """A sweep file, read and checked, with all that it names."""

    sweep: "Sweep"
    cards: "Mapping[str, TaskCard]"
    graph: "Graph"
    data_root: Path | None
    """Absolute: the trials of a search work in folders of their own."""

    def notes(self) -> list[str]:
        """Return what a reader of the plan should know besides, one line each."""
        return [f"unpinned: {name} may change; name a commit" for name in self.unpinned()]

    def unpinned(self) -> list[str]:
        """Return the hub datasets and models that are named by a branch."""
        return list(dict.fromkeys([*self._unpinned_data(), *self._unpinned_models()]))

    def _unpinned_data(self) -> Iterator[str]:
        from ensemble_core.tasks.availability import available_source

        for card in self.cards.values():
            hub = available_source(card, self.data_root).hub
            if hub is not None and not _COMMIT.fullmatch(hub.revision):
                yield f"{hub.dataset}@{hub.revision}"

    def _unpinned_models(self) -> Iterator[str]:
        for model in self._models():
            if model.hub and not _COMMIT.fullmatch(model.revision or ""):
                yield f"{model.hub}@{model.revision or 'main'}"

    def _models(self) -> "Iterator[ModelRef]":
        """The pretrained models, those of which the loss is a difficulty included."""
        from ensemble_core.tasks.selection import by_loss
        from w2s_platform.sweepfile.check import slices

        for point in self.sweep.points:
            yield from (model for _, model in point.config.models())
            for _, spec in slices(point.config.tasks):
                rating = self.cards[spec.task].difficulty
                if rating and by_loss(spec, self.cards[spec.task]):
                    yield rating.model


def load_study(path: Path, data_root: Path | None, *, draw: bool = True) -> Study:
    """Read a sweep file, find its task cards and build its graph.

    Args:
        path: The sweep file.
        data_root: Where the cards' local files lie.
        draw: Draw the questions too, to see whether there are enough for every role; this reads or
            generates all of them.

    Raises:
        InputError: Something in the file, a card or a data file is wrong.
    """
    from ensemble_core.documents import DocumentErrors
    from ensemble_core.tasks.cards import find_card
    from w2s_platform.graph.build import build_graph
    from w2s_platform.sweepfile import check
    from w2s_platform.sweepfile.load import load_sweep

    sweep = load_sweep(path)
    folders = card_folders(path)
    data_root = data_root.absolute() if data_root else None
    problems = check.tasks(sweep, folders)
    if problems:
        raise DocumentErrors(problems)
    slices = (spec for point in sweep.points for _, spec in check.slices(point.config.tasks))
    names = dict.fromkeys(spec.task for spec in slices)
    cards = {name: find_card(name, folders).anchored() for name in names}
    if draw and (problems := check.draws(sweep, cards, data_root)):
        raise DocumentErrors(problems)
    graph = build_graph(sweep, cards, data_root=data_root)
    return Study(sweep, cards, graph, data_root)


def card_folders(sweep: Path) -> list[Path]:
    """The folders in which a sweep's task cards are looked for, those of the package last."""
    from ensemble_core.tasks.cards import search_path

    package = Path(w2s_platform.__file__).parent
    checkout = package.parents[1] / "sweeps" / "tasks"  # of an editable installation
    return search_path(sweep, shipped=[package / "shipped" / "tasks", checkout])
