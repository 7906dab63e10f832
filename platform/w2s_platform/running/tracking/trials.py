"""What Tune's trials stand for: the cells of a sweep, or the configurations of a search."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from w2s_platform.graph.model import Cell, Graph
from w2s_platform.running.searching import SearchProblem
from w2s_platform.running.tracking.described import Described, label_of, scalars


class Trials(Protocol):
    """What a tracker asks about a trial."""

    @property
    def sweep(self) -> str:
        """The sweep's name."""
        ...

    def describe(self, config: Mapping[str, Any]) -> Described:
        """The trial that Tune calls by this configuration."""
        ...

    def cells(self, config: Mapping[str, Any], last: Mapping[str, Any]) -> tuple[Cell, ...]:
        """The cells whose measurements are shown, given the trial's last report."""
        ...

    def followed(self, config: Mapping[str, Any]) -> Cell | None:
        """The cell whose rounds are shown; None where the trial reports rounds itself."""
        ...


@dataclass(frozen=True)
class CellTrials:
    """One cell a trial."""

    graph: Graph
    about: Mapping[str, str] = field(default_factory=dict[str, str])
    """What all runs have in common, such as the commit."""

    @property
    def sweep(self) -> str:
        """See `Trials.sweep`."""
        return self.graph.sweep

    def describe(self, config: Mapping[str, Any]) -> Described:
        """See `Trials.describe`."""
        cell = self._cell(config)
        settings = {
            **scalars(cell.varied), "seed": cell.seed, "cell": cell.id, "sweep": self.sweep,
            **self.about,
        }  # fmt: skip
        return Described(self.sweep, label_of(cell.varied, cell.seed), settings)

    def cells(self, config: Mapping[str, Any], last: Mapping[str, Any]) -> tuple[Cell, ...]:
        """See `Trials.cells`: also of a cell that failed, as far as it came."""
        return (self._cell(config),)

    def followed(self, config: Mapping[str, Any]) -> Cell | None:
        """See `Trials.followed`."""
        return self._cell(config)

    def _cell(self, config: Mapping[str, Any]) -> Cell:
        return self._cells[config["cell"]]

    @cached_property
    def _cells(self) -> Mapping[str, Cell]:
        return {cell.id: cell for cell in self.graph.cells}


@dataclass(frozen=True)
class SearchTrials:
    """One configuration with all its seeds a trial."""

    sweep: str
    problem: SearchProblem
    about: Mapping[str, str] = field(default_factory=dict[str, str])
    """What all runs have in common, such as the commit."""

    def describe(self, config: Mapping[str, Any]) -> Described:
        """See `Trials.describe`."""
        values = {**self.problem.varied, **config}
        settings = {
            **scalars(values), "sweep": self.sweep, "study": self.problem.study, **self.about,
        }  # fmt: skip
        return Described(self.sweep, label_of(values), settings)

    def cells(self, config: Mapping[str, Any], last: Mapping[str, Any]) -> tuple[Cell, ...]:
        """See `Trials.cells`: none of a configuration that did not finish."""
        return self.problem.configuration(config).graph.cells if last.get("finished") else ()

    def followed(self, config: Mapping[str, Any]) -> Cell | None:
        """See `Trials.followed`."""
        return None
