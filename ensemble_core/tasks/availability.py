"""Which of a card's sources is used: the first that is there."""

from pathlib import Path

from ensemble_core.errors import InputError
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.parts import split_name
from ensemble_core.tasks.paths import VARIABLE, below
from ensemble_core.tasks.source import Source


def available_source(card: TaskCard, data_root: Path | None) -> Source:
    """The card's first source that is available.

    Local files are, if the data root holds any of them (a missing one is then an error, never a
    silent change of source). Whether a hub can be reached is seen when it is read.

    Raises:
        InputError: None is; it says why.
    """
    for source in card.sources:
        if not source.files or (data_root is not None and _any_file(source, data_root)):
            return source
    missing = ", ".join(path for source in card.sources for path in _all_files(source))
    if data_root is None:
        what = "the card's files can't be found without a data root"
        raise InputError(what, where=card.where, hint=f"give --data-root or set {VARIABLE}")
    what = f"none of the card's files is below the data root: {missing}"
    raise InputError(what, where=card.where, hint=f"looked in {data_root}")


def local_files(source: Source, split: str, data_root: Path | None) -> list[tuple[Path, str]]:
    """The files that hold a split, each with the part of its rows that does.

    Raises:
        InputError: One is missing, or lies outside the data root.
    """
    assert data_root is not None
    parts = [split_name(name) for name in source.files_of(split)]
    files = [(below(data_root, name), part) for name, part in parts]
    for path, _ in files:
        if not path.is_file():
            hint = "the card's other files are there; a source is used whole"
            raise InputError("there is no such file", where=str(path), hint=hint)
    return files


def check_split(card: TaskCard, source: Source, split: str) -> None:
    """Raise InputError, listing the splits, if the source in use has no such split."""
    if split not in source.splits:
        raise InputError(
            f"task {card.task} has no split `{split}`",
            where=card.where,
            hint=f"its {source.kind} have {', '.join(source.splits)}",
        )


def _all_files(source: Source) -> list[str]:
    if not source.files:
        return []
    names = [split_name(name)[0] for split in source.splits for name in source.files_of(split)]
    return list(dict.fromkeys(names))


def _any_file(source: Source, data_root: Path) -> bool:
    return any(below(data_root, name).is_file() for name in _all_files(source))
