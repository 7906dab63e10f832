"""A split of a task, as questions."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ensemble_core.errors import InputError
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.content import LETTERS, Content
from ensemble_core.tasks.question import Question
from ensemble_core.tasks.sources import contents
from ensemble_core.tasks.templates import BadTemplateError, compiled


@dataclass(frozen=True)
class Pool:
    """The questions of a split, each once, in the source's order."""

    questions: tuple[Question, ...]
    rows: int
    """How many rows were read."""

    @property
    def duplicates(self) -> int:
        """Rows that repeat an earlier one's question; the first is kept."""
        return self.rows - len(self.questions)


def load_questions(card: TaskCard, split: str, *, data_root: Path | None) -> list[Question]:
    """The questions of a split, each once.

    Raises:
        InputError: No source is available, or a file, a row or a template is wrong; it names the
            card's field and the row.
    """
    return list(load_pool(card, split, data_root=data_root).questions)


def load_pool(card: TaskCard, split: str, *, data_root: Path | None) -> Pool:
    """The questions of a split, and how many rows collapsed; kept for the next call.

    Raises:
        InputError: See `load_questions`.
    """
    decided_by = json.dumps(card.fingerprint(data_root, split), sort_keys=True)
    return _load(_Request(decided_by, split, card, data_root))


@dataclass(frozen=True)
class _Request:
    """A split to load; equal to another where the content is."""

    decided_by: str
    split: str
    card: TaskCard = field(compare=False)
    data_root: Path | None = field(compare=False)


@lru_cache(maxsize=16)
def _load(request: _Request) -> Pool:
    raws = contents(request.card, request.split, request.data_root)
    return _pool(request.card, request.split, raws)


def _pool(card: TaskCard, split: str, raws: Iterable[Content]) -> Pool:
    questions: dict[str, Question] = {}
    rows = 0
    for rows, raw in enumerate(raws, 1):  # noqa: B007 - the count is wanted after the loop
        question = write(card, split, raw)
        questions.setdefault(question.id, question)
    if not questions:
        raise InputError(f"split `{split}` has no questions", where=card.where)
    return Pool(tuple(questions.values()), rows)


def write(card: TaskCard, split: str, raw: Content) -> Question:
    """Write a raw question by the card's templates.

    Raises:
        InputError: A template fails on it or writes nothing, or `extract` finds no final answer.
    """
    names: dict[str, Any] = {"question": raw.question, **raw.variables}
    if raw.choices:
        names |= {"choices": raw.choices, "letters": LETTERS[: len(raw.choices)]}
    prompt = _render(card, "prompt", names, raw)
    choices = tuple(
        _render(card, "answer", {**names, "answer": text, "letter": _letter(n), "index": n}, raw)
        for n, text in enumerate(raw.choices)
    )
    answer = (
        choices[raw.index]
        if choices
        else _render(card, "answer", {**names, "answer": raw.answer}, raw)
    )
    question = Question(
        prompt=prompt,
        answer=answer,
        choices=choices,
        difficulty=raw.difficulty,
        task=card.task,
        split=split,
        identity=raw.identity,
        attributes=raw.attributes,
        extract=card.extractor,
    )
    if question.extract is not None and question.final(answer) is None:
        what = f"`extract` finds no final answer in `{answer[-60:].strip()}`"
        raise InputError(what, where=f"{card.where}, {raw.where}")
    return question


def _letter(number: int) -> str:
    return LETTERS[number] if number < len(LETTERS) else ""


def _render(card: TaskCard, key: str, names: dict[str, Any], raw: Content) -> str:
    try:
        text = compiled(card.prompt if key == "prompt" else card.answer).render(names)
    except BadTemplateError as problem:
        raise InputError(f"`{key}`: {problem}", where=f"{card.where}, {raw.where}") from None
    if not text.strip():
        raise InputError(f"`{key}` writes nothing", where=f"{card.where}, {raw.where}")
    return text
