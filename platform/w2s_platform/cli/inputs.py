"""From a command's arguments to a checked sweep and its graph."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from w2s_platform.graph.model import Graph
    from w2s_platform.sweepfile.models import Sweep


@dataclass(frozen=True)
class Study:
    """A sweep file, read and checked."""

    sweep: "Sweep"
    graph: "Graph"

    def notes(self) -> list[str]:
        """Return what a reader of the plan should know besides."""
        search = self.sweep.search
        if search is None:
            return []
        return [f"a search then tries {search.trials} configurations; they are not counted here"]


def load_study(path: Path, data_root: Path | None) -> Study:
    """Read a sweep file, find its task cards and build its graph.

    Raises:
        InputError: Something in the file, a card or a data file is wrong.
    """
    from w2s_platform.graph.build import build_graph
    from w2s_platform.sweepfile.load import load_sweep

    sweep = load_sweep(path)
    return Study(sweep, build_graph(sweep, path=path, data_root=data_root))
