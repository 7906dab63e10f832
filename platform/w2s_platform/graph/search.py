"""A sweep's search as the runner needs it: from suggested values to stages and an objective."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from w2s_platform.graph.build import build_cell
from w2s_platform.graph.builder import StageSet
from w2s_platform.graph.model import Cell, Graph, Measure
from w2s_platform.graph.sources import Cards, anchored
from w2s_platform.graph.study import StudyContent
from w2s_platform.results.rows import MEASUREMENTS, pgr_rows
from w2s_platform.running.searching import Configuration
from w2s_platform.stage import Json, canonical_json
from w2s_platform.subject import after, ceiling_of
from w2s_platform.sweepfile.expand import cells_at, value_at
from w2s_platform.sweepfile.points import short_hash
from w2s_platform.sweepfile.search import Objective, SearchSettings
from w2s_platform.sweepfile.sweep import CellSpec, Sweep

if TYPE_CHECKING:
    from ensemble_core.tasks.card import TaskCard
    from w2s_platform.store import Store

ROUNDS, COUNT = "experts.rounds", "experts.count"
STEPWISE = ("ensemble",)
"""Subjects that can be judged after every round; others are known only at the end."""


@dataclass(frozen=True)
class SweepSearch:
    """The search of a sweep, at one point of its `vary`."""

    sweep: Sweep
    cards: "Mapping[str, TaskCard]"
    data_root: Path | None
    varied: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """The values of the point of `vary`; each point has a study of its own."""
    folder: Path = field(default_factory=Path.cwd)
    """Where relative paths of models count from: a trial's process works in another folder."""

    @property
    def settings(self) -> SearchSettings:
        """The sweep's `search:` section."""
        assert self.sweep.search is not None
        return self.sweep.search

    @property
    def study(self) -> str:
        """The sweep's name and a hash of all that decides a value, the number of trials apart.

        Raises:
            InputError: A card's data or a model's files can't be read.
        """
        return self._study

    @cached_property
    def _study(self) -> str:
        content = StudyContent(self.sweep, self.cards, self.varied, self.data_root, self.folder)
        text = canonical_json(content.to_json())
        return f"{self.settings.study or self.sweep.sweep}-{short_hash(text)}"

    @property
    def most_steps(self) -> int:
        """Boosting rounds of the configuration that has most."""
        if self.settings.objective.subject not in STEPWISE:
            return 1
        dimension = self.settings.space.get(ROUNDS)
        if dimension is None:
            return int(self.value_of(ROUNDS))  # type: ignore[arg-type]
        return int(max(dimension.choices) if dimension.type == "categorical" else dimension.high)

    def value_of(self, key: str) -> Json:
        """The value of a dotted key that is not searched."""
        return value_at(self.sweep, key, self.varied)

    def configuration(self, values: Mapping[str, Json]) -> Configuration:
        """The configuration with these values: a cell per seed, and the stages of each step.

        Raises:
            InputError: The values don't go together.
        """
        stages, cards = StageSet(), Cards(self.cards, self.data_root)
        cells = self._cells(stages, cards, values)
        prefixes = list(self._prefixes(stages, cards, values, cells))
        steps = tuple(
            tuple(measure.key for cell in shorter for measure in self._judged(cell))
            for shorter in prefixes
        )
        whole = tuple(
            self._on_the_way(stages, cell, [shorter[seed] for shorter in prefixes[:-1]])
            for seed, cell in enumerate(cells)
        )
        needed = [*(key for cell in whole for key in cell.stages), *(k for s in steps for k in s)]
        kept = {key: stages.stages[key] for key in stages.closure(needed)}
        return Configuration(Graph(self.sweep.sweep, kept, whole), steps)

    def objective(self, store: "Store", configuration: Configuration, step: int) -> float | None:
        """The mean over seeds of the objective on validation data after a step, from 1.

        None where a seed has no value: a mean over the others could not be compared.
        """
        seeds = len(configuration.graph.cells)
        values = [
            _value(store, self.settings.objective, configuration.judging(step, seed))
            for seed in range(seeds)
        ]
        known = [value for value in values if value is not None]
        return fmean(known) if len(known) == seeds else None

    def _cells(self, stages: StageSet, cards: Cards, values: Mapping[str, Json]) -> list[Cell]:
        specs = cells_at(self.sweep, values, varied=self.varied)
        return [build_cell(stages, cards, _anchored(spec, self.folder)) for spec in specs]

    def _prefixes(
        self, stages: StageSet, cards: Cards, values: Mapping[str, Json], cells: list[Cell]
    ) -> Iterator[list[Cell]]:
        """The same configuration with one round, with two, …, and at last itself."""
        if self.settings.objective.subject in STEPWISE:
            count = values.get(COUNT, self.value_of(COUNT))
            for rounds in range(1, len(cells[0].rounds)):
                fewer: dict[str, Json] = {ROUNDS: rounds}
                if isinstance(count, int):
                    fewer[COUNT] = min(count, rounds)
                yield self._cells(stages, cards, {**values, **fewer})
        yield cells

    def _on_the_way(self, stages: StageSet, cell: Cell, shorter: Sequence[Cell]) -> Cell:
        """A cell that also tells what it was judged by: the ensemble of its first rounds."""
        more = [
            replace(measure, subject=after(rounds))
            for rounds, fewer in enumerate(shorter, 1)
            for measure in self._judged(fewer)
            if measure.subject in STEPWISE
        ]
        keys = stages.closure([*cell.stages, *(measure.key for measure in more)])
        return replace(cell, measures=(*cell.measures, *more), stages=keys)

    def _judged(self, cell: Cell) -> Iterator[Measure]:
        """The evaluations on validation data that the objective is made of, in a fixed order."""
        objective = self.settings.objective
        for subject in _subjects(objective):
            for measure in cell.measures:
                if measure.subject == subject and measure.role == objective.role:
                    yield measure


def searches(
    sweep: Sweep, cards: "Mapping[str, TaskCard]", data_root: Path | None
) -> list[SweepSearch]:
    """The searches of a sweep, one for each point of its `vary`; none without `search:`."""
    if sweep.search is None:
        return []
    searched = set(sweep.search.space)
    points = [
        {key: value for key, value in point.varied.items() if key not in searched}
        for point in sweep.points
    ]
    return [SweepSearch(sweep, cards, data_root, varied) for varied in points]


def merged(sweep: str, graphs: Iterable[Graph]) -> Graph:
    """One graph of all cells and stages; a cell that several hold stands once."""
    stages: dict[str, Any] = {}
    cells: dict[str, Cell] = {}
    for graph in graphs:
        stages |= graph.stages
        cells |= {cell.id: cell for cell in graph.cells}
    return Graph(sweep, stages, tuple(cells.values()))


def _anchored(spec: CellSpec, folder: Path) -> CellSpec:
    experts, student = spec.config.experts, spec.config.student
    mix = tuple(anchored(model, folder) for model in experts.mix)
    weak = {"model": anchored(experts.model, folder), "mix": mix}
    found: dict[str, Any] = {"experts": experts.model_copy(update=weak)}
    if student:
        later = tuple(
            one.model_copy(update={"model": anchored(one.model, folder)}) for one in student.later
        )
        strong = {"model": anchored(student.model, folder), "later": later}
        found["student"] = student.model_copy(update=strong)
    if judge := spec.config.evaluation.judge:
        update = {"judge": anchored(judge, folder)}
        found["evaluation"] = spec.config.evaluation.model_copy(update=update)
    return replace(spec, config=spec.config.model_copy(update=found))


def _subjects(objective: Objective) -> list[str]:
    """Whose evaluations the objective is made of, in a fixed order."""
    if objective.metric != "pgr":
        return [objective.subject]
    ceiling = ceiling_of(objective.subject)
    return list(dict.fromkeys(["floor", objective.subject, *([ceiling] if ceiling else [])]))


def _value(store: "Store", objective: Objective, keys: Sequence[str]) -> float | None:
    """One seed's value."""
    found = [json.loads(store.require(key).path(MEASUREMENTS).read_text()) for key in keys]
    if objective.metric != "pgr":
        values = [row["value"] for rows in found for row in rows
                  if row["metric"] == objective.metric]  # fmt: skip
        return fmean(values) if values else None
    place = {"role": objective.role, "task": "", "split": ""}
    rows = [
        {"subject": subject, **place, **row}
        for subject, measured in zip(_subjects(objective), found, strict=True)
        for row in measured
    ]
    wanted = [row["value"] for row in pgr_rows(rows) if row["subject"] == objective.subject]
    return wanted[0] if wanted else None
