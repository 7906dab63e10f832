"""What a card's source holds, as contents, split by split."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ensemble_core.errors import InputError
from ensemble_core.tasks.availability import available_source, check_split, local_files
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.content import Content, content
from ensemble_core.tasks.parts import within
from ensemble_core.tasks.question import content_id
from ensemble_core.tasks.readers import Row, read_rows
from ensemble_core.tasks.source import GeneratorSource, Source


def contents(card: TaskCard, split: str, data_root: Path | None) -> Iterator[Content]:
    """The raw questions of a split, in the source's order.

    Raises:
        InputError: No source is available, it has no such split, or a row can't be read.
    """
    source = available_source(card, data_root)
    check_split(card, source, split)
    for raw in _all(card, source, split, data_root):
        if source.own_splits is not None or share_of(raw.identity, source.parts) == split:
            yield raw


def share_of(identity: str, parts: Mapping[str, float]) -> str:
    """The split to which a question belongs, by its content alone.

    So a question never moves to another split because others were added or a seed changed, and no
    two splits share one.

    Args:
        identity: The text that identifies the question.
        parts: Split → share; they sum to 1.
    """
    place = int(content_id(identity), 16) / 16**16
    for name, share in parts.items():
        place -= share
        if place < 0:
            return name
    return list(parts)[-1]  # the shares' sum was rounded


def _all(card: TaskCard, source: Source, split: str, data_root: Path | None) -> Iterator[Content]:
    if source.generator is not None:
        yield from _made(card, source.generator)
        return
    lacking: frozenset[str] | None = None
    row = None
    whole = _rows(source, split, data_root)
    for row in source.passages.rows(whole) if source.passages else whole:
        raw = content(source.fields, row)
        lacking = raw.missing if lacking is None else lacking & raw.missing
        yield raw
    if lacking and row is not None:
        name = min(lacking)
        hint = f"a row has {', '.join(row.data)}"
        what = f"no row has the field `{name}`, which {card.where} names"
        raise InputError(what, where=row.file, hint=hint)


def _rows(source: Source, split: str, data_root: Path | None) -> Iterator[Row]:
    if source.hub is not None:
        from ensemble_core.tasks.hub import hub_rows

        splits = source.hub.splits
        yield from hub_rows(source.hub, splits if isinstance(splits, str) else splits[split])
        return
    for path, part in local_files(source, split, data_root):
        yield from within(read_rows(path), part)


def _made(card: TaskCard, source: GeneratorSource) -> tuple[Content, ...]:
    how = (source.family, source.count, source.seed, source.difficulties)
    try:
        return _first_characters(*how) if source.first_character else _generated(*how)
    except ValueError as error:
        raise InputError(f"family {source.family}: {error}", where=card.where) from None


@lru_cache(maxsize=8)
def _generated(
    family: str, count: int, seed: int, difficulties: tuple[int, ...]
) -> tuple[Content, ...]:
    from ensemble_core.nano.families import generate

    made = generate(family, count, seed, difficulties)
    return tuple(
        Content(
            where=f"{family}: question {number}",
            question=item.prompt,
            answer=item.answer,
            choices=tuple(item.choices),
            index=item.choices.index(item.answer) if item.choices else 0,
            # The prompt alone: generated wrong choices don't make another question.
            identity=item.prompt,
            difficulty=float(item.difficulty),
        )
        for number, item in enumerate(made, 1)
    )


@lru_cache(maxsize=8)
def _first_characters(*how: Any) -> tuple[Content, ...]:
    """The same questions, answered by one character of their alphabet: a class each."""
    from ensemble_core.nano.families.alphabets import ALPHABETS

    made: list[Content] = []
    for whole in _generated(*how):
        first = whole.answer[0]
        classes = next(chars for chars in ALPHABETS.values() if first in chars)
        made.append(
            replace(whole, answer=first, choices=tuple(classes), index=classes.index(first))
        )
    return tuple(made)
