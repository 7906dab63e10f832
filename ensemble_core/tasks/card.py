"""The model of a task card: a question set described in YAML, without code."""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from ensemble_core.documents import LocatedError, did_you_mean
from ensemble_core.settings import Settings
from ensemble_core.steps import StepSettings
from ensemble_core.tasks.difficulty import DifficultySettings
from ensemble_core.tasks.question import Extract
from ensemble_core.tasks.source import Source
from ensemble_core.tasks.templates import BadTemplateError, Template, compiled
from ensemble_core.tasks.values import Wanted

_COMMIT = re.compile(r"[0-9a-f]{40}")


class ExtractSettings(Settings, frozen=True):
    """How the final answer is read out of a long one, written or true."""

    pattern: str
    """A regular expression; its group, where it has one, is the final answer."""
    take: Literal["first", "last"] = "first"
    """Which of several matches counts."""
    remove: str = ""
    """A regular expression whose matches are dropped from the final answer, such as `[,$]`."""

    @field_validator("pattern", "remove")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from None
        if groups > 1:
            raise ValueError(f"has {groups} groups; mark the final answer with one, and use (?:…)")
        return value


class TaskCard(Settings, frozen=True):
    """A question set: where it comes from, how a question is written, what slices may select."""

    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """The name by which sweeps call it; the file's name without `.yaml`."""
    about: str = ""
    """What the questions are, for people."""
    licence: str = ""
    """Under which terms the data comes."""
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    """Where the questions come from; the first source that is available is used."""
    prompt: str = "{{ question }}"
    """Jinja2 template of what the model reads. Knows `question`, `choices`, `letters` (A, B, …, one
    per choice) and the source's `variables`."""
    answer: str = "{{ answer }}"
    """Jinja2 template of what the model writes, the space before it included; with choices it is
    rendered for each. Knows what the prompt knows, and `answer`, `letter` and `index` (from 0)."""
    extract: ExtractSettings | None = None
    """How the final answer is read out of a long one; default: the whole answer counts."""
    steps: StepSettings | None = None
    """How an answer falls into steps, and who judges one; for the metrics `steps_correct` and
    `first_error`. Default: answers are no steps."""
    difficulty: DifficultySettings | None = None
    """Difficulty as a model's loss, by cross-validation; slices select by it in ranges
    (`difficulty=..1.5`) and shares (`difficulty=0%..50%`). Default: the source's own, in whose
    place it stands where a generator has one."""
    groups: dict[str, dict[str, Wanted]] = Field(default_factory=dict)
    """Names for sets of values: `difficulty: {easy: [Low, Medium]}`, or `{easy: 0%..50%}`, lets a
    slice say `difficulty=easy`."""
    _path: Path | None = PrivateAttr(default=None)

    @field_validator("prompt", "answer")
    @classmethod
    def _is_a_template(cls, value: str) -> str:
        try:
            compiled(value)
        except BadTemplateError as problem:
            raise ValueError(f"the template can't be used: {problem}") from None
        return value

    @model_validator(mode="after")
    def _names_are_known(self) -> "TaskCard":
        _refuse_unknown(compiled(self.prompt), "prompt", self._prompt_names)
        _refuse_unknown(compiled(self.answer), "answer", self._answer_names)
        for name in self.groups:
            if name not in self.selectable:
                hint = did_you_mean(name, self.selectable)
                raise LocatedError(f"no source has `{name}`", ("groups", name), hint)
        return self

    @model_validator(mode="after")
    def _has_one_difficulty(self) -> "TaskCard":
        for number, source in enumerate(self.sources):
            if self.difficulty and source.fields.difficulty is not None:
                hint = "name the field among `attributes`"
                loc = ("sources", number, "fields", "difficulty")
                raise LocatedError("the card's difficulty is a model's loss", loc, hint)
        return self

    @property
    def _prompt_names(self) -> set[str]:
        """The variables that every source has."""
        names = {"question"}
        if all(source.has_choices for source in self.sources):
            names |= {"choices", "letters"}
        return names | set[str].intersection(*(set(source.variables) for source in self.sources))

    @property
    def _answer_names(self) -> set[str]:
        with_choices = "choices" in self._prompt_names
        return self._prompt_names | {"answer"} | ({"letter", "index"} if with_choices else set())

    @property
    def selectable(self) -> list[str]:
        """What a slice may select by, in one source or another."""
        names = (name for source in self.sources for name in self.selectable_in(source))
        return list(dict.fromkeys(names))

    def selectable_in(self, source: Source) -> list[str]:
        """What a slice may select by where this source is used."""
        rated = ["difficulty"] if self.difficulty else []
        return list(dict.fromkeys([*rated, *source.selectable]))

    @property
    def unpinned(self) -> tuple[str, ...]:
        """The hub datasets that are named by a branch, so that they may change."""
        hubs = [source.hub for source in self.sources if source.hub is not None]
        return tuple(hub.dataset for hub in hubs if not _COMMIT.fullmatch(hub.revision))

    @property
    def where(self) -> str:
        """The card's file, or its name, for messages."""
        return str(self._path) if self._path else f"task card {self.task}"

    @cached_property
    def extractor(self) -> Extract | None:
        """`extract` as questions carry it."""
        return Extract(**self.extract.model_dump()) if self.extract else None

    def read_from(self, path: Path) -> "TaskCard":
        """The same card, knowing its file."""
        self._path = path  # pyright: ignore[reportAttributeAccessIssue] - private, so not frozen
        return self

    def anchored(self) -> "TaskCard":
        """The same card for processes that work in other folders: its model's path is absolute."""
        from ensemble_core.models.identity import absolute

        if self.difficulty is None:
            return self
        model = absolute(self.difficulty.model)
        return self.model_copy(
            update={"difficulty": self.difficulty.model_copy(update={"model": model})}
        )

    def fingerprint(self, data_root: Path | None, split: str | None = None) -> dict[str, Any]:
        """What decides the card's questions, as JSON values, for stage keys; no paths.

        Args:
            data_root: Where local files lie; decides which source is used.
            split: Only what decides this split; default: the whole card.

        Raises:
            InputError: No source is available, or a file can't be read.
        """
        from ensemble_core.tasks.fingerprint import fingerprint

        return fingerprint(self, data_root, split)


def _refuse_unknown(template: Template, key: str, known: set[str]) -> None:
    unknown = sorted(template.names - known)
    if unknown:
        message = f"the template uses `{unknown[0]}`, which is not known here"
        raise LocatedError(message, (key,), did_you_mean(unknown[0], sorted(known)))
