"""Validate a document by a pydantic model: the model, or every problem at its place."""

import re
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ensemble_core.documents.compose import Loc
from ensemble_core.documents.document import Document
from ensemble_core.documents.fields import keys_at
from ensemble_core.documents.messages import choice, message, wrong_kind
from ensemble_core.documents.nearest import did_you_mean
from ensemble_core.documents.problems import DocumentErrors, LocatedError, Problem
from ensemble_core.documents.unions import Complaint, complaints

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Explained:
    """One complaint in plain words, at its location below the data that was validated."""

    loc: Loc
    message: str
    hint: str = ""
    at_key: bool = False
    """The key itself is wrong, not its value."""
    ruled: Loc | None = None
    """Where a validator said so, what that validator looked at; it may have been several keys."""
    missing: str | None = None
    """The key that is missing at `loc`."""


def validate(model: type[ModelT], document: Document) -> ModelT:
    """The document as a model.

    Raises:
        DocumentErrors: All problems, those of the YAML included.
    """
    if document.data is None:
        raise DocumentErrors([*document.problems, document.problem((), "the file is empty")])
    result = validated(model, document.data)
    problems = [*document.problems]
    if isinstance(result, ValidationError):
        known = {(problem.line, problem.column) for problem in problems}
        found = problems_of(result, model, document)
        problems += [item for item in found if (item.line, item.column) not in known]
    if problems or isinstance(result, ValidationError):
        raise DocumentErrors(problems)
    return result


def validated(model: type[ModelT], data: Any) -> ModelT | ValidationError:
    """The model, strictly read from plain data, or what pydantic says against it."""
    try:
        return model.model_validate(frozen(data), strict=True)
    except ValidationError as error:
        return error


def frozen(data: Any) -> Any:
    """Plain data with tuples for lists, as strict models take it."""
    if isinstance(data, (list, tuple)):
        return tuple(frozen(item) for item in data)
    if isinstance(data, dict):
        return {key: frozen(value) for key, value in data.items()}
    return data


def thawed(data: Any) -> Any:
    """Plain data with lists for tuples: what a field of any type should hold again."""
    if isinstance(data, (list, tuple)):
        return [thawed(item) for item in data]
    if isinstance(data, dict):
        return {key: thawed(value) for key, value in data.items()}
    return data


def problems_of(
    error: ValidationError, model: type[BaseModel], document: Document, base: Loc = ()
) -> list[Problem]:
    """Pydantic's errors as problems at their places.

    Args:
        error: What pydantic raised.
        model: The model that was validated, for the names that it knows.
        document: Where the data came from.
        base: Where in the document the validated part stands.
    """
    data = document.data
    for part in base:
        data = data[part]
    return [
        document.problem((*base, *item.loc), item.message, item.hint, key=item.at_key)
        for item in explained(error, model, data)
    ]


def explained(error: ValidationError, root: Any, data: Any) -> list[Explained]:
    """Pydantic's errors in plain words, one for each value.

    Args:
        error: What pydantic raised against `data`.
        root: The type that `data` was validated as.
        data: Plain data.
    """
    found = complaints(error.errors(include_url=False), data)
    return [_explain(complaint, root) for complaint in found]


def _explain(complaint: Complaint, root: Any) -> Explained:
    loc, error = complaint.loc, complaint.error
    if error["type"] == "extra_forbidden":
        known = keys_at(root, complaint.model_loc[:-1])
        return Explained(loc, "unknown key", did_you_mean(str(loc[-1]), known), at_key=True)
    if error["type"] == "value_error":
        return _raised(loc, error["ctx"]["error"])
    if complaint.wanted:
        return Explained(loc, *wrong_kind(error["input"], " or ".join(complaint.wanted)))
    if error["type"] == "missing":
        return Explained(loc, *message(error), missing=str(error["loc"][-1]))
    if error["type"] == "literal_error":
        return Explained(loc, *choice(error))
    if error["type"] == "union_tag_invalid":
        return Explained((*loc, error["ctx"]["discriminator"].strip("'")), *choice(error))
    text, hint = message(error)
    if isinstance(complaint.value, str) and error["input"] != complaint.value:
        # A short form was taken apart, and a part of it is wrong.
        text = f"`{error['loc'][-1]}` {text}"
    return Explained(loc, text, hint)


def _raised(loc: Loc, error: Any) -> Explained:
    """A validator's own words: at the place that it names, else at the key that opens them."""
    if isinstance(error, LocatedError):
        return Explained((*loc, *error.loc), error.message, error.hint, ruled=loc)
    text = str(error)
    opening = re.match(r"`(\w+)`", text)
    return Explained((*loc, opening.group(1)) if opening else loc, text, ruled=loc)
