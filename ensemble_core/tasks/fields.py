"""How a source's rows become questions: which field holds what."""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ensemble_core.documents import LocatedError
from ensemble_core.settings import Settings

RESERVED = frozenset(
    ("question", "answer", "choices", "letters", "letter", "index", "loop", "self")
)
NOT_ATTRIBUTES = frozenset(("difficulty", "split", "size", "task"))
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_ATTRIBUTE = re.compile(r"[A-Za-z_][\w-]*")

FieldName = Annotated[str, Field(min_length=1)]


class Values(Settings, frozen=True):
    """The same values in every row."""

    values: Annotated[tuple[str, ...], Field(min_length=1)]
    """The values, in order."""


class Separated(Settings, frozen=True):
    """A list written into one text."""

    field: FieldName
    """The field that holds the text."""
    separator: Annotated[str, Field(min_length=1)]
    """What stands between two items."""


class OrElse(Settings, frozen=True):
    """A field that some rows leave out."""

    field: FieldName
    """The field."""
    default: str = ""
    """What stands for it where it is missing, null or blank."""


ListField = FieldName | Annotated[tuple[FieldName, ...], Field(min_length=1)] | Values | Separated


class Fields(Settings, frozen=True):
    """Which field of a row holds what.

    A name is a field's own, or a path into it (`choices.text`, `options.0`); a path through a list
    reads every item of it.
    """

    question: FieldName = "question"
    """The question itself."""
    identity: Annotated[tuple[FieldName, ...], Field(min_length=1)] | None = None
    """The fields whose text identifies a question (with its choices); default: the question."""
    choices: ListField | None = None
    """The candidate answers: a list field, a list of fields, fixed `values`, or separated text."""
    distractors: ListField | None = None
    """The wrong candidates alone, beside `answer`; null and missing ones are left out. The order of
    all choices is then drawn from their content."""
    answer: FieldName | None = None
    """The right answer's text."""
    answer_index: FieldName | None = None
    """The right answer's place in `choices`; true and false count as 1 and 0."""
    answer_label: FieldName | None = None
    """The right answer's label, one of `labels`."""
    index_from: Literal[0, 1] = 0
    """The first choice's index."""
    labels: ListField | None = None
    """The labels of the choices, in their order; default: A, B, C, …"""
    difficulty: FieldName | None = None
    """A number or a word that grades the question; null where it has none."""
    attributes: dict[str, FieldName] = Field(default_factory=dict)
    """What else a slice may select by: name → field."""
    variables: dict[str, FieldName | OrElse] = Field(default_factory=dict)
    """What else the templates use: name → field, or `{field: …, default: …}` where some rows may
    leave it out; a field that no row has is an error."""

    @model_validator(mode="after")
    def _answer_is_told_once(self) -> "Fields":
        told = [
            name
            for name in ("answer", "answer_index", "answer_label")
            if getattr(self, name) is not None
        ]
        if len(told) != 1:
            raise ValueError("name exactly one of answer, answer_index, answer_label")
        if self.choices and self.distractors:
            raise LocatedError("goes without `choices`", ("distractors",))
        if self.distractors and not self.answer:
            raise LocatedError("goes with `answer`", ("distractors",))
        if told != ["answer"] and not self.choices:
            raise LocatedError("goes with `choices`", (told[0],))
        if self.labels and not self.answer_label:
            raise LocatedError("goes with `answer_label`", ("labels",))
        return self

    @model_validator(mode="after")
    def _names_can_be_used(self) -> "Fields":
        for name in self.variables:
            if name in RESERVED or not _IDENTIFIER.fullmatch(name):
                raise LocatedError("is no name for a variable of templates", ("variables", name))
        for name in self.attributes:
            if name in NOT_ATTRIBUTES or not _ATTRIBUTE.fullmatch(name):
                raise LocatedError("is no name for an attribute", ("attributes", name))
        return self

    @property
    def has_choices(self) -> bool:
        """Whether the questions have candidate answers."""
        return self.choices is not None or self.distractors is not None
