"""Rules of `search:` that look beyond it: at the settings, at `vary`, at the baselines."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ensemble_core.documents import Document, Loc, Problem, did_you_mean
from w2s_platform.stage import Json
from w2s_platform.subject import GENERATION, ceiling_of, is_strong
from w2s_platform.sweepfile.axes import Axes, Pick
from w2s_platform.sweepfile.keys import Key, find_key, unknown_key
from w2s_platform.sweepfile.sections import ALL_BASELINES, BASELINES, METRICS, WRITTEN_METRICS
from w2s_platform.sweepfile.tree import get_at
from w2s_platform.sweepfile.values import brief, complaints_about, full_form, mapping_form

_SEARCHED = ("experts", "student", "tasks.labelled", "tasks.transfer")


def search_problems(document: Document, axes: Axes) -> list[Problem]:
    """Everything wrong with a search that its own models can't see."""
    search = document.data.get("search")
    if not isinstance(search, dict):
        return []
    checks = _Checks(document, axes, search)
    return [*checks.space(), *checks.conditions(), *checks.objective(), *checks.methods()]


def first_choices(document: Document) -> dict[str, Pick]:
    """A value for each key that must be given but is only searched: the first of its choices."""
    space = get_at(document.data, ("search", "space"))
    picks: dict[str, Pick] = {}
    for dotted, dimension in space.items() if isinstance(space, dict) else ():
        key, choices = find_key(dotted), get_at(dimension, ("choices",))
        missing = key is not None and key.required and get_at(document.data, key.loc) is None
        if missing and isinstance(choices, list) and choices:
            picks[dotted] = Pick(choices[0], ("search", "space", dotted, "choices", 0))
    return picks


class _Checks:
    def __init__(self, document: Document, axes: Axes, search: Mapping[str, Any]) -> None:
        self.document, self.axes, self.search = document, axes, search
        found = search.get("space")
        self.dimensions: dict[str, dict[str, Any]] = {
            dotted: dimension
            for dotted, dimension in (found.items() if isinstance(found, dict) else ())
            if isinstance(dimension, dict)
        }

    def space(self) -> Iterator[Problem]:
        """Keys that exist, vary nowhere else and may be chosen; values that fit them."""
        for dotted, dimension in self.dimensions.items():
            loc: Loc = ("search", "space", dotted)
            key = find_key(dotted)
            if key is None:
                yield self.document.problem(loc, *unknown_key(dotted), key=True)
                continue
            if dotted in self.axes.keys:
                line = self.document.position(self.axes.keys[dotted], key=True)[0]
                hint = f"in `vary` at line {line}"
                yield self.document.problem(loc, "searched and varied", hint, key=True)
            if not dotted.startswith(_SEARCHED):
                hint = f"allowed: keys below {', '.join(_SEARCHED)}"
                message = "what trials are compared on can't be searched"
                yield self.document.problem(loc, message, hint, key=True)
            yield from self._values(key, loc, dimension)

    def _values(self, key: Key, loc: Loc, dimension: Mapping[str, Any]) -> Iterator[Problem]:
        whole = dimension.get("type") != "float"
        for name in ("low", "high"):
            value = dimension.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                yield from self._value(key, (*loc, name), value if whole else float(value))
        choices = dimension.get("choices")
        for index, value in enumerate(choices if isinstance(choices, list) else []):
            yield from self._value(key, (*loc, "choices", index), value)

    def _value(self, key: Key, loc: Loc, value: Json) -> Iterator[Problem]:
        for item in complaints_about(key, value):
            place = (*loc, *item.loc)
            hint = item.hint
            if isinstance(value, float) and "whole number" in item.message:
                hint = "write `type: int`"
            message = f"{key.dotted} {item.message}"
            yield self.document.problem(place, message, hint, key=item.at_key)

    def conditions(self) -> Iterator[Problem]:
        """`when` looks at keys that are there, at values that they can take, and in no circle."""
        for dotted, dimension in self.dimensions.items():
            when = dimension.get("when")
            for other, value in when.items() if isinstance(when, dict) else ():
                loc: Loc = ("search", "space", dotted, "when", other)
                key = find_key(other)
                if key is None:
                    yield self.document.problem(loc, *unknown_key(other), key=True)
                elif self._reaches(other, dotted, frozenset()):
                    message = f"`{dotted}` would depend on itself"
                    yield self.document.problem(loc, message, key=True)
                else:
                    yield from self._wanted(key, loc, value)

    def _wanted(self, key: Key, loc: Loc, value: Json) -> Iterator[Problem]:
        values = value if isinstance(value, list) and complaints_about(key, value) else [value]
        found = self.dimensions.get(key.dotted, {}).get("choices")
        choices: list[Json] = found if isinstance(found, list) else []
        forms = {full_form(key, one) for one in choices}
        for index, one in enumerate(values):
            place = (*loc, index) if values is value else loc
            wrong = list(self._value(key, place, one))
            yield from wrong
            if not wrong and forms and full_form(key, one) not in forms:
                hint = did_you_mean(brief(one), [brief(choice) for choice in choices])
                yield self.document.problem(place, f"`{key.dotted}` never takes this value", hint)

    def _reaches(self, start: str, goal: str, seen: frozenset[str]) -> bool:
        if start == goal:
            return True
        when = self.dimensions.get(start, {}).get("when")
        others = when if isinstance(when, dict) and start not in seen else {}
        return any(self._reaches(other, goal, seen | {start}) for other in others)

    def objective(self) -> Iterator[Problem]:
        """The objective is a validation metric of a subject that the sweep makes."""
        objective = self.search.get("objective")
        if not isinstance(objective, dict):
            return
        subject, metric = objective.get("subject", "ensemble"), objective.get("metric")
        if is_strong(str(subject)) and not self._has_student():
            loc: Loc = ("search", "objective", "subject")
            yield self.document.problem(loc, f"there is no `{subject}` without a student")
            return
        yield from self._subject(subject)
        yield from self._metric(metric, subject)
        yield from self._task(objective.get("task"))

    def _has_student(self) -> bool:
        """Whether the sweep has a student: written, varied or searched."""
        varying = (*self.axes.keys, *self.dimensions)
        return self._setting("student", None) is not None or any(
            dotted.split(".")[0] == "student" for dotted in varying
        )

    def _subject(self, subject: Any) -> Iterator[Problem]:
        loc: Loc = ("search", "objective", "subject")
        later = GENERATION.fullmatch(str(subject))
        baseline = later[1] if later else subject
        if baseline in ALL_BASELINES and baseline not in self._setting(
            "baselines", list(BASELINES)
        ):
            hint = "add it there, or choose another subject"
            yield self.document.problem(loc, f"`{baseline}` is not among `baselines`", hint)
        models = self._setting("student.later", [])
        generations = 1 + (len(models) if isinstance(models, list) else 0)
        varied = {"student", "student.later"} & {*self.axes.keys, *self.dimensions}
        if later and int(later[2]) > generations and not varied:
            hint = "give `student.later` more models"
            yield self.document.problem(loc, f"the last generation is {generations}", hint)
        number = re.fullmatch(r"expert_([0-9]+)", str(subject))
        rounds = self._most_rounds()
        if number and rounds is not None and int(number[1]) > rounds:
            yield self.document.problem(loc, f"there are only {rounds} rounds")
        if number and self._setting("evaluation.each_expert", False) is False:
            hint = "set evaluation.each_expert: true"
            yield self.document.problem(loc, "experts are not evaluated alone here", hint)

    def _metric(self, metric: Any, subject: Any) -> Iterator[Problem]:
        loc: Loc = ("search", "objective", "metric")
        key = find_key("evaluation.metrics")
        measured = self._setting("evaluation.metrics", list(key.default) if key else [])
        if metric == "pgr":
            baselines = self._setting("baselines", list(BASELINES))
            learns = ceiling_of(str(subject)) is not None
            if not learns or not {"floor", "ceiling"} <= set(map(str, baselines)):
                hint = "subject student or single, with floor and ceiling among `baselines`"
                yield self.document.problem(loc, "there is no pgr to improve here", hint)
        elif metric in METRICS and isinstance(measured, list) and metric not in measured:
            hint = f"allowed: {', '.join(map(str, measured))}"
            yield self.document.problem(loc, f"`{metric}` is not in evaluation.metrics", hint)
        elif subject == "sequence" and metric in METRICS and metric not in WRITTEN_METRICS:
            hint = f"allowed: {', '.join(WRITTEN_METRICS)}"
            yield self.document.problem(loc, f"`sequence` writes and has no `{metric}`", hint)

    def _task(self, task: Any) -> Iterator[Problem]:
        key = find_key("tasks.validation")
        validation = self._setting("tasks.validation", None)
        form = mapping_form(key, validation) if key and validation is not None else None
        name = form.get("task") if form else None
        if task is not None and name is not None and task != name:
            message = "choices are made on validation data only"
            hint = f"tasks.validation is `{name}`"
            yield self.document.problem(("search", "objective", "task"), message, hint)

    def methods(self) -> Iterator[Problem]:
        """The sampler and the scheduler suit the space."""
        for dotted, dimension in self.dimensions.items():
            loc: Loc = ("search", "space", dotted)
            if self.search.get("sampler") == "grid":
                if dimension.get("type") == "float" and dimension.get("step") is None:
                    message = "the grid sampler needs a `step` or choices"
                    yield self.document.problem(loc, message)
                if dimension.get("when"):
                    message = "the grid sampler knows no conditions"
                    yield self.document.problem((*loc, "when"), message)
        grace = get_at(self.search, ("scheduler", "asha", "grace_period"))
        rounds = self._most_rounds()
        if isinstance(grace, int) and rounds is not None and grace > rounds:
            loc = ("search", "scheduler", "asha", "grace_period")
            message = f"is {grace}, above the {rounds} rounds that a trial has"
            yield self.document.problem(loc, message)

    def _most_rounds(self) -> int | None:
        dimension = self.dimensions.get("experts.rounds")
        if dimension is not None:
            choices = dimension.get("choices")
            values = [dimension.get("high"), *(choices if isinstance(choices, list) else [])]
        elif "experts.rounds" in self.axes.keys:
            values = [
                pick.value
                for block in self.axes.blocks
                for row in block
                for name, pick in row.items()
                if name == "experts.rounds"
            ]
        else:
            key = find_key("experts.rounds")
            values = [self._setting("experts.rounds", key.default if key else None)]
        return max((value for value in values if isinstance(value, int)), default=None)

    def _setting(self, dotted: str, default: Any) -> Any:
        found = get_at(self.document.data, tuple(dotted.split(".")))
        return default if found is None else found
