"""From a sweep to its graph: every cell's stages and measures."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_core.settings import BoostSettings, ModelRef
from w2s_platform.graph.builder import StageSet, plain, resolve_precision
from w2s_platform.graph.model import Cell, Graph, Measure
from w2s_platform.graph.sources import Cards, Slice, add_pretrained

if TYPE_CHECKING:
    from ensemble_core.tasks.card import TaskCard
    from w2s_platform.sweepfile.sweep import CellSpec, Sweep

EVALUATED = ("validation", "id", "ood")
STRONG = ("strong_base", "single", "student", "ceiling")
"""Subjects of the strong model's size; the others take what experts take."""


def build_graph(
    sweep: "Sweep", cards: "Mapping[str, TaskCard]", *, data_root: Path | None = None
) -> Graph:
    """The graph of every cell that the sweep's `vary` and `seeds` span.

    Args:
        sweep: A checked sweep.
        cards: The task cards that it names.
        data_root: Where the cards' local files lie.

    Raises:
        InputError: A card's data can't be read.
    """
    from w2s_platform.sweepfile.expand import cells

    stages = StageSet()
    held = Cards(cards, data_root)
    built = tuple(build_cell(stages, held, spec) for spec in cells(sweep))
    return Graph(sweep.sweep, stages.stages, built)


def build_cell(stages: StageSet, cards: Cards, spec: "CellSpec") -> Cell:
    """One cell's stages, added to those of the others."""
    cell = _CellBuilder(stages, cards, spec)
    models = cell.models()
    measures = (*cell.evaluations(models), *cell.label_measures())
    return Cell(
        id=spec.id,
        seed=spec.seed,
        varied=spec.varied,
        stages=stages.closure([measure.key for measure in measures] + list(models.values())),
        measures=measures,
        rounds=tuple(cell.rounds),
        trial=spec.trial,
        models=models,
    )


class _CellBuilder:
    """Adds the stages of one cell."""

    def __init__(self, stages: StageSet, cards: Cards, spec: "CellSpec") -> None:
        self.stages, self.config, self.seed = stages, spec.config, spec.seed
        self.slices = cards.draw(stages, self.config.tasks, spec.seed)
        self.data = {drawn.role: drawn for drawn in self.slices}
        experts, student = self.config.experts, self.config.student
        self.weak, self.weak_layers = self._model(experts.model, experts.layers)
        self.strong, self.strong_layers = self._model(student.model, student.layers)
        self.rounds = self._rounds()
        self.ensemble = self._ensemble()
        self.labels: dict[str, str] = {}

    def models(self) -> dict[str, str]:
        """Subject → key of the stage that makes its model."""
        models = {"weak_base": self.weak, "strong_base": self.strong, "ensemble": self.ensemble}
        if self.config.evaluation.each_expert:
            models |= {f"expert_{n}": key for n, key in enumerate(self.rounds, 1)}
        models["student"] = self._student("ensemble", self.ensemble)
        return models | dict(self._baselines())

    def evaluations(self, models: Mapping[str, str]) -> Iterator[Measure]:
        """An `evaluate` stage for each subject on each slice that is looked at."""
        evaluation = self.config.evaluation
        settings = {
            "metrics": list(evaluation.metrics),
            "max_new_tokens": evaluation.max_new_tokens,
        }
        for subject, model in models.items():
            for drawn in self.slices:
                if drawn.role in EVALUATED:
                    yield self._measure(subject, model, drawn, settings)

    def label_measures(self) -> Iterator[Measure]:
        """How right the pseudo-labels are: measured where they are written."""
        drawn = self.data["transfer"]
        for subject, key in self.labels.items():
            yield Measure(subject, drawn.role, drawn.name, drawn.split, key)

    def _measure(
        self, subject: str, model: str, drawn: Slice, settings: Mapping[str, Any]
    ) -> Measure:
        layers = {"weak_base": self.weak_layers, "strong_base": self.strong_layers}.get(subject)
        key = self.stages.add(
            "evaluate",
            {**settings, "layers": layers},
            {"model": model, "data": drawn.key},
            label=f"{subject} on {drawn.role} {drawn.name}",
            hints=self._reading("students" if subject in STRONG else "experts"),
        )
        return Measure(subject, drawn.role, drawn.name, drawn.split, key)

    def _model(self, model: ModelRef, layers: int | None) -> tuple[str, int | None]:
        return add_pretrained(self.stages, model), layers or model.layers

    def _rounds(self) -> list[str]:
        """Round t reads round t-1 and knows nothing of how many there will be.

        The first is the floor: what is reweighed, and how, is not part of it.
        """
        experts = self.config.experts
        boost = BoostSettings(unit=experts.unit, window=experts.window, update=experts.update)
        rounds: list[str] = []
        for number in range(1, experts.rounds + 1):
            settings, inputs = self._expert() | {"round": number}, self._expert_inputs()
            if rounds:
                settings["boost"] = plain(boost)
                inputs["previous"] = rounds[-1]
            rounds.append(
                self.stages.add("round", settings, inputs, label=f"round {number}",
                                hints=self._resources("experts"))
            )  # fmt: skip
        return rounds

    def _bags(self) -> list[str]:
        return [
            self.stages.add(
                "bag",
                self._expert() | {"bag": number},
                self._expert_inputs(),
                label=f"bag {number}",
                hints=self._resources("experts"),
            )
            for number in range(1, self._count + 1)
        ]

    @property
    def _count(self) -> int:
        return self.config.experts.count or self.config.experts.rounds

    def _ensemble(self) -> str:
        experts = self.config.experts
        if experts.rounds == 1:  # one expert alone is itself under every combiner
            return self.rounds[0]
        boost = BoostSettings(unit=experts.unit, window=experts.window, update=experts.update)
        combine = experts.combine if self._count > 1 else "mean"  # with one expert, all are one
        settings = {"combine": combine, "count": self._count, "boost": plain(boost)}
        inputs = {f"round_{n}": key for n, key in enumerate(self.rounds, 1)}
        return self.stages.add("ensemble", settings, inputs, label=f"ensemble of {self._count}")

    def _bagging(self) -> str:
        bags = self._bags()
        inputs = {f"bag_{n}": key for n, key in enumerate(bags, 1)}
        return self.stages.add(
            "ensemble", {"combine": "uniform"}, inputs, label=f"bagging of {self._count}"
        )

    def _baselines(self) -> Iterator[tuple[str, str]]:
        wanted = self.config.baselines
        if "floor" in wanted:
            yield "floor", self.rounds[0]
        if "bagging" in wanted:
            yield "bagging", self._bagging()
        if "single" in wanted:
            yield "single", self._student("floor", self.rounds[0])
        if "ceiling" in wanted:
            yield "ceiling", self._learn("ceiling", None)

    def _student(self, subject: str, teacher: str) -> str:
        evaluation, student = self.config.evaluation, self.config.student
        settings = {"labels": student.labels, "max_new_tokens": evaluation.max_new_tokens}
        if student.training.max_length is not None:  # what the student can't read is not written
            settings["max_length"] = student.training.max_length
        inputs = {"model": teacher, "transfer": self.data["transfer"].key}
        labels = self.stages.add(
            "labels",
            settings,
            inputs,
            label=f"labels by {subject}",
            hints=self._reading("experts"),
        )
        self.labels[subject] = labels
        return self._learn("student", labels)

    def _learn(self, kind: Any, labels: str | None) -> str:
        student = self.config.student
        settings = {
            "layers": self.strong_layers,
            "adapter": _adapter(student.adapter),
            "training": plain(student.training),
            "precision": self._precision("students"),
            "seed": self.seed,
        }
        inputs = {"pretrained": self.strong, "transfer": self.data["transfer"].key}
        if labels is not None:
            settings["loss"] = student.loss
            inputs["labels"] = labels
        hints = self._resources("students")
        return self.stages.add(kind, settings, inputs, label=kind, hints=hints)

    def _expert(self) -> dict[str, Any]:
        experts = self.config.experts
        return {
            "layers": self.weak_layers,
            "adapter": _adapter(experts.adapter),
            "training": plain(experts.training),
            "precision": self._precision("experts"),
            "seed": self.seed,
        }

    def _expert_inputs(self) -> dict[str, str]:
        return {"pretrained": self.weak, "labelled": self.data["labelled"].key}

    def _precision(self, role: str) -> str:
        training = self.config.experts if role == "experts" else self.config.student
        resources = getattr(self.config.resources, role)
        return resolve_precision(training.training, resources.gpus_per_worker)

    def _reading(self, role: str) -> dict[str, Any]:
        """What a stage gets that answers questions with a model of this role."""
        return self._resources(role) | {"batch_size": self.config.evaluation.batch_size}

    def _resources(self, role: str) -> dict[str, Any]:
        return {"resources": plain(getattr(self.config.resources, role))}


def _adapter(adapter: Any) -> Any:
    return adapter if adapter == "full" else plain(adapter)
