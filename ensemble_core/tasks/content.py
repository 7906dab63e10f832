"""From a row to what a question says, before any template."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from ensemble_core.documents import did_you_mean
from ensemble_core.errors import InputError
from ensemble_core.tasks import lookup
from ensemble_core.tasks.fields import Fields, OrElse
from ensemble_core.tasks.question import normalise
from ensemble_core.tasks.readers import Row
from ensemble_core.tasks.values import Attribute, attribute

LETTERS = tuple(ascii_uppercase)


@dataclass(frozen=True, slots=True)
class Content:
    """A question's raw parts, as templates see them."""

    where: str
    """The row that it comes from, for messages."""
    question: str
    answer: str
    choices: tuple[str, ...] = ()
    index: int = 0
    """The right answer's place in `choices`."""
    identity: str = ""
    difficulty: Attribute = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    missing: frozenset[str] = frozenset()
    """Fields that the row lacks, and may lack unless all rows do."""


def content(fields: Fields, row: Row) -> Content:
    """Read a row as the card's fields say.

    Raises:
        InputError: A field is missing or of the wrong kind, or the answer is not among the choices;
            it names the row and the field.
    """
    question = lookup.text(row, fields.question)
    choices, index, answer = _answers(fields, row, question)
    grades, missing = _grades(fields, row)
    return Content(
        row.where,
        question,
        answer,
        choices,
        index,
        identity=identify(_identity(fields, row, question), choices),
        difficulty=grades.pop("", None),
        attributes=grades,
        variables={name: _variable(row, path) for name, path in fields.variables.items()},
        missing=missing | _absent(fields, row),
    )


def identify(question: str, choices: tuple[str, ...] = ()) -> str:
    """The text that identifies a question: the same whatever the order of its choices."""
    return "\n".join([question, *sorted(choices, key=normalise)])


def _variable(row: Row, wanted: str | OrElse) -> str:
    if isinstance(wanted, str):
        return lookup.text(row, wanted)
    return lookup.text_or(row, wanted.field, wanted.default)


def _absent(fields: Fields, row: Row) -> frozenset[str]:
    """Variables with a default and distractors that the row leaves out."""
    names = [each.field for each in fields.variables.values() if isinstance(each, OrElse)]
    names += fields.distractors if isinstance(fields.distractors, tuple) else ()
    return frozenset(name for name in names if not lookup.has(row, name))


def _identity(fields: Fields, row: Row, question: str) -> str:
    if fields.identity is None:
        return question
    return "\n".join(lookup.text(row, name) for name in fields.identity)


def _answers(fields: Fields, row: Row, question: str) -> tuple[tuple[str, ...], int, str]:
    """Choices, index of the right one, and its text."""
    if fields.distractors is not None:
        return _shuffled(fields, row, question)
    if fields.choices is None:
        assert fields.answer is not None
        return (), 0, lookup.text(row, fields.answer)
    choices = lookup.texts(row, fields.choices)
    if len(choices) < 2:
        raise InputError(f"{len(choices)} choices; at least 2 are needed", where=row.where)
    index = _index(fields, row, choices)
    return choices, index, choices[index]


def _shuffled(fields: Fields, row: Row, question: str) -> tuple[tuple[str, ...], int, str]:
    """Choices in an order that their content decides, and that tells nothing of the right one."""
    assert fields.answer is not None
    assert fields.distractors is not None
    answer = lookup.text(row, fields.answer)
    wrong = lookup.texts(row, fields.distractors, optional=True)
    if not wrong:
        raise InputError("no distractor is given; at least 1 is needed", where=row.where)
    if answer in wrong:
        raise InputError("the right answer is among the distractors too", where=row.where)
    choices = tuple(sorted((answer, *wrong), key=lambda text: _rank(question, text)))
    return choices, choices.index(answer), answer


def _rank(question: str, choice: str) -> tuple[str, str]:
    return hashlib.sha256(f"{question}\x1f{choice}".encode()).hexdigest(), choice


def _index(fields: Fields, row: Row, choices: tuple[str, ...]) -> int:
    if fields.answer_index is not None:
        return _by_index(fields, row, choices, fields.answer_index)
    if fields.answer_label is not None:
        return _by_label(fields, row, choices, fields.answer_label)
    assert fields.answer is not None
    answer = lookup.text(row, fields.answer)
    return _among(row, fields.answer, answer, choices)


def _by_index(fields: Fields, row: Row, choices: tuple[str, ...], name: str) -> int:
    given = lookup.value(row, name)
    try:
        index = int(given) - fields.index_from
    except (TypeError, ValueError):
        raise InputError(f"`{name}` is not an index: {given!r}", where=row.where) from None
    if float(given) != int(given) or not 0 <= index < len(choices):
        last = fields.index_from + len(choices) - 1
        what = f"`{name}` is {given}, which is no index of {len(choices)} choices"
        raise InputError(what, where=row.where, hint=f"allowed: {fields.index_from} to {last}")
    return index


def _by_label(fields: Fields, row: Row, choices: tuple[str, ...], name: str) -> int:
    labels = LETTERS[: len(choices)]
    if fields.labels is not None:
        labels = tuple(label.strip() for label in lookup.texts(row, fields.labels))
    if len(labels) != len(choices):
        raise InputError(f"{len(labels)} labels for {len(choices)} choices", where=row.where)
    return _among(row, name, lookup.text(row, name).strip(), labels, "labels")


def _among(
    row: Row, name: str, answer: str, allowed: tuple[str, ...], what: str = "choices"
) -> int:
    if answer not in allowed:
        raise InputError(
            f"`{name}` is `{answer}`, which is not among the {what}",
            where=row.where,
            hint=did_you_mean(answer, allowed),
        )
    return allowed.index(answer)


def _grades(fields: Fields, row: Row) -> tuple[dict[str, Attribute], frozenset[str]]:
    """Difficulty (under the empty name) and attributes, and the fields that the row lacks."""
    named = dict(fields.attributes)
    if fields.difficulty is not None:
        named[""] = fields.difficulty
    grades: dict[str, Attribute] = {}
    missing: set[str] = set()
    for name, path in named.items():
        try:
            grades[name] = attribute(lookup.value(row, path))
        except lookup.MissingFieldError:
            # Rows may leave out what they don't know; a field that all rows lack is an error.
            grades[name] = None
            missing.add(path)
        except ValueError as error:
            raise InputError(f"`{path}` can't be selected by: {error}", where=row.where) from None
    return grades, frozenset(missing)
