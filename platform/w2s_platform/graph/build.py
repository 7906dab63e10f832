"""From a sweep to its graph: every cell's stages and measures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ensemble_core.settings import ModelRef
from w2s_platform.graph.builder import (
    PRECISION,
    StageSet,
    decisive,
    plain,
    resolve_precision,
    rounding,
)
from w2s_platform.graph.evaluating import SEQUENCE, evaluate_settings, judge_of, prefix_metrics
from w2s_platform.graph.model import Cell, Graph, Measure
from w2s_platform.graph.sources import Cards, Slice, add_pretrained
from w2s_platform.stage import Kind
from w2s_platform.subject import is_strong

if TYPE_CHECKING:
    from ensemble_core.tasks.card import TaskCard
    from w2s_platform.sweepfile.sections import ExpertSettings, StudentSettings
    from w2s_platform.sweepfile.sweep import CellSpec, Sweep

EVALUATED = ("validation", "id", "ood")


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
    measures = (*cell.evaluations(models), *cell.prefix_measures(), *cell.label_measures())
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


@dataclass(frozen=True)
class _Student:
    """A generation of students: the model that learns from labels, and the questions."""

    number: int
    settings: "StudentSettings"
    model: str
    """Key of the pretrained one."""
    layers: int | None
    transfer: Slice

    def named(self, subject: str) -> str:
        """`student`, `student_2`, …; `ceiling`, `ceiling_2`, …"""
        return subject if self.number == 1 else f"{subject}_{self.number}"


class _CellBuilder:
    """Adds the stages of one cell."""

    def __init__(self, stages: StageSet, cards: Cards, spec: "CellSpec") -> None:
        self.stages, self.config, self.seed = stages, spec.config, spec.seed
        self.slices = cards.draw(stages, self.config, spec.seed)
        self.data = {drawn.role: drawn for drawn in self.slices}
        self.classify = self.config.tasks.classify
        self.bases = [self._model(base, None) for base in self.config.experts.bases]
        self.weak, self.weak_layers = self.bases[0]
        self.students = list(self._generations())
        self.labelled = self._labelled()
        self.rounds = self._rounds()
        self.ensemble = self._ensemble()
        self.labels: dict[str, tuple[str, Slice]] = {}

    def models(self) -> dict[str, str]:
        """Subject → key of the stage that makes its model."""
        models = {"ensemble": self.ensemble}
        if self.classify is None:  # a head that was never trained guesses
            models = {subject: model for subject, (model, _) in self._untrained().items()} | models
        if self.config.evaluation.each_expert:
            models |= {f"expert_{n}": key for n, key in enumerate(self.rounds, 1)}
        if self.students:
            models["student"] = self._learner("ensemble", self.ensemble, self.students[0])
        models |= dict(self._baselines())
        return models | dict(self._later(models))

    def evaluations(self, models: Mapping[str, str]) -> Iterator[Measure]:
        """An `evaluate` stage for each subject on each slice that is looked at."""
        written = SEQUENCE in self.config.baselines
        subjects = {**models, **({SEQUENCE: self.ensemble} if written else {})}
        for subject, model in subjects.items():
            for drawn in self.slices:
                if drawn.role in EVALUATED:
                    yield self._measure(subject, model, drawn)

    def prefix_measures(self) -> Iterator[Measure]:
        """All prefixes of the ensemble on each slice that is looked at, where they are wanted."""
        evaluation = self.config.evaluation
        if not evaluation.staged:
            return
        for drawn in self.slices:
            if drawn.role in EVALUATED:
                key = self.stages.add(
                    "prefixes",
                    {
                        "metrics": prefix_metrics(evaluation),
                        "count": self._count,
                        "classify": self.classify,
                    },
                    {"model": self.ensemble, "data": drawn.key},
                    label=f"prefixes on {drawn.role} {drawn.name}",
                    hints=self._reading("experts"),
                )
                yield Measure("ensemble", drawn.role, drawn.name, drawn.split, key)

    def label_measures(self) -> Iterator[Measure]:
        """How right the pseudo-labels are: measured where they are written."""
        for subject, (key, drawn) in self.labels.items():
            yield Measure(subject, drawn.role, drawn.name, drawn.split, key)

    def _measure(self, subject: str, model: str, drawn: Slice) -> Measure:
        _, layers = self._untrained().get(subject, ("", None))
        settings = evaluate_settings(self.config, subject, drawn)
        inputs = {"model": model, "data": drawn.key}
        if judge := judge_of(self.config):
            inputs["judge"], settings["judge_layers"] = self._model(judge, None)
        key = self.stages.add(
            "evaluate",
            {**settings, "layers": layers},
            inputs,
            label=f"{subject} on {drawn.role} {drawn.name}",
            hints=self._reading(_role(subject)),
        )
        return Measure(subject, drawn.role, drawn.name, drawn.split, key)

    def _untrained(self) -> dict[str, tuple[str, int | None]]:
        """The pretrained models that are measured too, with the blocks that are used of them."""
        found = {"weak_base": (self.weak, self.weak_layers)}
        if self.students:
            found["strong_base"] = (self.students[0].model, self.students[0].layers)
        return found

    def _model(self, model: ModelRef, layers: int | None) -> tuple[str, int | None]:
        return add_pretrained(self.stages, model), layers or model.layers

    def _labelled(self) -> str:
        """The labelled questions, with wrong answers where the sweep asks for some."""
        noise, clean = self.config.noise, self.data["labelled"].key
        if not noise.rate:
            return clean
        settings: dict[str, Any] = {**plain(noise), "seed": self.seed}
        inputs, hints = {"data": clean}, None
        if noise.kind == "adversarial":
            settings["layers"] = self.weak_layers
            inputs["pretrained"], hints = self.weak, self._reading("experts")
        label = f"{noise.kind} noise, {noise.rate:.0%}"
        return self.stages.add("noise", settings, inputs, label=label, hints=hints)

    def _rounds(self) -> list[str]:
        """Round t reads round t-1 and knows nothing of how many there will be."""
        error = self.config.experts.error
        rounds = [self._round(1, {} if error == "train" else {"error": error}, None)]
        own = len(self.bases) > 1 and not self.classify  # classes have a guess for reference
        boost = {"boost": plain(self.config.experts.boost), "own_reference": own or None}
        for number in range(2, self.config.experts.rounds + 1):
            rounds.append(self._round(number, boost, rounds[-1]))
        return rounds

    def _round(self, number: int, how: Mapping[str, Any], previous: str | None) -> str:
        """One round. What is reweighed, and how, is no part of the first, which all units share."""
        inputs = {} if previous is None else {"previous": previous}
        if self.config.experts.error == "heldout":
            inputs["heldout"] = self.data["validation"].key
        settings = {"round": number, **how}
        return self._expert("round", settings, f"round {number}", number, inputs)

    def _floor(self) -> str:
        """One expert of the whole labelled set: round 1, unless that draws its examples (oob)."""
        if self.config.experts.error != "oob":
            return self.rounds[0]
        return self._expert("round", {"round": 1}, "floor")

    def _long(self) -> str:
        """One expert that is trained as long as all of the ensemble's together."""
        settings = {"times": self._count}
        return self._expert("long", settings, f"{self._count} times as long")

    def _expert(
        self,
        kind: Kind,
        more: Mapping[str, Any],
        label: str,
        number: int = 1,
        read: Mapping[str, str] | None = None,
    ) -> str:
        """The expert of a number, from 1: the pretrained models take turns."""
        experts, (model, layers) = self.config.experts, self.bases[(number - 1) % len(self.bases)]
        settings = {**self._training("experts", experts, layers), **more}
        inputs = {"pretrained": model, "labelled": self.labelled, **(read or {})}
        hints = self._training_hints("experts", experts)
        return self.stages.add(kind, settings, inputs, label=label, hints=hints)

    def _bags(self) -> list[str]:
        numbers = range(1, self._count + 1)
        return [self._expert("bag", {"bag": n}, f"bag {n}", n) for n in numbers]

    @property
    def _count(self) -> int:
        return self.config.experts.count or self.config.experts.rounds

    def _ensemble(self) -> str:
        experts = self.config.experts
        if experts.rounds == 1:  # one expert alone is itself under every combiner
            return self.rounds[0]
        combine = experts.combine if self._count > 1 else "mean"  # with one expert, all are one
        fixed = "mean" if combine == "gate" else combine
        settings = {"combine": fixed, "count": self._count, "boost": plain(experts.boost)}
        inputs = {f"round_{n}": key for n, key in enumerate(self.rounds, 1)}
        ensemble = self.stages.add("ensemble", settings, inputs, label=f"ensemble of {self._count}")
        return self._gated(ensemble) if combine == "gate" else ensemble

    def _gated(self, ensemble: str) -> str:
        inputs = {"ensemble": ensemble, "validation": self.data["validation"].key}
        hints = self._reading("experts")
        settings = {"seed": self.seed, "classify": self.classify}
        return self.stages.add("gate", settings, inputs, label="gate", hints=hints)

    def _bagging(self) -> str:
        bags = self._bags()
        inputs = {f"bag_{n}": key for n, key in enumerate(bags, 1)}
        return self.stages.add(
            "ensemble", {"combine": "uniform"}, inputs, label=f"bagging of {self._count}"
        )

    def _baselines(self) -> Iterator[tuple[str, str]]:
        wanted = self.config.baselines
        if "floor" in wanted:
            yield "floor", self._floor()
        if "long" in wanted:
            yield "long", self._long()
        if "bagging" in wanted:
            yield "bagging", self._bagging()
        for first in self.students[:1]:
            if "single" in wanted:
                yield "single", self._learner("floor", self._floor(), first)
            if "ceiling" in wanted:
                yield "ceiling", self._learn("ceiling", first, None)

    def _later(self, models: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Each later student learns from what the one before it, alone, writes."""
        teacher, writer = "student", models.get("student", "")
        for student in self.students[1:]:
            writer = self._learner(teacher, writer, student)
            teacher = student.named("student")
            yield teacher, writer
            if "ceiling" in self.config.baselines:
                yield student.named("ceiling"), self._learn("ceiling", student, None)

    def _generations(self) -> Iterator[_Student]:
        transfers = [drawn for drawn in self.slices if drawn.role == "transfer"]
        settings = self.config.student.generations if self.config.student else ()
        for number, each in enumerate(settings, 1):
            transfer = transfers[min(number, len(transfers)) - 1]
            yield _Student(number, each, *self._model(each.model, each.layers), transfer)

    def _learner(self, subject: str, teacher: str, learner: _Student) -> str:
        """The student of what a subject writes about the transfer questions."""
        student = learner.settings
        settings: dict[str, Any] = {
            "labels": student.labels,
            "max_length": student.training.max_length,  # what the student can't read is not written
            "classify": self.classify,
        }
        if student.labels != "choice" and not self.classify:  # there nothing is decoded
            settings["max_new_tokens"] = self.config.evaluation.max_new_tokens
        inputs = {"model": teacher, "transfer": learner.transfer.key}
        labels = self.stages.add(
            "labels",
            settings,
            inputs,
            label=f"labels by {subject}",
            hints=self._reading(_role(subject)),
        )
        self.labels[subject] = labels, learner.transfer
        return self._learn("student", learner, labels)

    def _learn(
        self, kind: Literal["student", "ceiling"], learner: _Student, labels: str | None
    ) -> str:
        student = learner.settings
        settings = self._training("students", student, learner.layers)
        inputs = {"pretrained": learner.model, "transfer": learner.transfer.key}
        if labels is not None:
            settings["loss"] = student.loss
            if student.loss == "confidence":
                settings["confidence_weight"] = student.confidence_weight
            inputs["labels"] = labels
        hints = self._training_hints("students", student)
        label = learner.named(kind)
        return self.stages.add(kind, settings, inputs, label=label, hints=hints)

    def _training(
        self, role: str, section: "ExpertSettings | StudentSettings", layers: int | None
    ) -> dict[str, Any]:
        """What decides a fine-tuning, besides its data."""
        resources = getattr(self.config.resources, role)
        return {
            "layers": layers,
            "adapter": _adapter(section.adapter),
            "training": decisive(section.training),
            PRECISION: resolve_precision(section.training, resources.gpus_per_worker),
            "seed": self.seed,
            "classify": self.classify,
        }

    def _reading(self, role: str) -> dict[str, Any]:
        """What a stage gets that answers questions with a model of this role."""
        return self._resources(role) | {"batch_size": self.config.evaluation.batch_size}

    def _training_hints(
        self, role: str, section: "ExpertSettings | StudentSettings"
    ) -> dict[str, Any]:
        return self._resources(role) | {"training": rounding(section.training)}

    def _resources(self, role: str) -> dict[str, Any]:
        return {"resources": plain(getattr(self.config.resources, role))}


def _role(subject: str) -> str:
    """Whose resources a stage gets that asks a subject."""
    return "students" if is_strong(subject) else "experts"


def _adapter(adapter: Any) -> Any:
    return adapter if adapter == "full" else plain(adapter)
