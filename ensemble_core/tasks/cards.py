"""Finding and reading task cards."""

from collections.abc import Sequence
from pathlib import Path

from ensemble_core import documents
from ensemble_core.errors import InputError
from ensemble_core.tasks.card import TaskCard

SUFFIXES = (".yaml", ".yml")


def load_card(path: Path) -> TaskCard:
    """Read a task card.

    Raises:
        DocumentErrors: All that is wrong with it, each at its line and column.
        InputError: The file can't be read.
    """
    document = documents.read(path)
    card = documents.validate(TaskCard, document)
    if card.task != path.stem:
        what = f"`{card.task}` is not the file's name, `{path.stem}`, by which sweeps find it"
        raise documents.DocumentErrors([document.problem(("task",), what)])
    return card.read_from(path)


def find_card(name: str, search: Sequence[Path]) -> TaskCard:
    """The card of a name: the first one found along the folders.

    Raises:
        DocumentErrors: The card is wrong.
        InputError: There is none; it names the nearest.
    """
    for folder in search:
        for suffix in SUFFIXES:
            if (path := folder / f"{name}{suffix}").is_file():
                return load_card(path)
    known = [card for folder in search for card in card_names(folder)]
    hint = documents.did_you_mean(name, known)
    looked = ", ".join(str(folder) for folder in search) or "no folder"
    raise InputError(f"there is no task card `{name}` (looked in {looked})", hint=hint or None)


def card_names(folder: Path) -> list[str]:
    """The names of the cards in a folder; none if it does not exist."""
    if not folder.is_dir():
        return []
    return sorted(path.stem for path in folder.iterdir() if path.suffix in SUFFIXES)


def search_path(sweep: Path | None = None, shipped: Sequence[Path] = ()) -> list[Path]:
    """The folders in which cards are looked for, in order.

    Args:
        sweep: The sweep file; `tasks/` beside it comes first, then `./sweeps/tasks/`.
        shipped: Where the package's own cards lie; last.
    """
    beside = [sweep.parent / "tasks"] if sweep is not None else []
    return list(dict.fromkeys([*beside, Path("sweeps") / "tasks", *shipped]))
