"""What decides a card's questions, as JSON values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ensemble_core.tasks.availability import available_source, check_split, local_files
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.paths import digest
from ensemble_core.tasks.source import Source

READING = 1
"""Raised when this package reads the same card and data into other questions."""


def fingerprint(card: TaskCard, data_root: Path | None, split: str | None) -> dict[str, Any]:
    """See `TaskCard.fingerprint`."""
    source = available_source(card, data_root)
    if split is not None:
        check_split(card, source, split)
    told = card.model_dump(
        mode="json", include={"task", "prompt", "answer", "extract", "groups"}, exclude_none=True
    )
    return told | {"reading": READING, "source": _source(source, data_root, split)}


def read_by_models(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a card's fingerprint that decides what a model reads: prompts, true answers."""
    told = fingerprint.items()
    return {name: value for name, value in told if name not in ("groups", "extract")}


def _source(source: Source, data_root: Path | None, split: str | None) -> dict[str, Any]:
    parts = {"shares": dict(source.parts)} if source.own_splits is None else {}
    if source.generator is not None:
        from ensemble_core.nano import families

        version = families.VERSION
        return parts | {"generator": source.generator.model_dump(mode="json"), "version": version}
    told = parts | {"fields": source.fields.model_dump(mode="json", exclude_defaults=True)}
    if source.passages is not None:
        told |= {"passages": source.passages.model_dump(mode="json")}
    if source.hub is not None:
        return told | {"hub": source.hub.model_dump(mode="json", exclude_none=True)}
    wanted = source.splits if split is None else (split,)
    return told | {"files": {name: _digests(source, name, data_root) for name in wanted}}


def _digests(source: Source, split: str, data_root: Path | None) -> list[str]:
    return [digest(path) + part for path, part in local_files(source, split, data_root)]
