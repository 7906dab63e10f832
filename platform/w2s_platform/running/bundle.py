"""What a sweep needs at another place: its file, and the task cards that it may name."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CARDS = ("*.yaml", "*.yml")


@dataclass(frozen=True)
class Bundle:
    """A folder that a job starts in."""

    folder: Path
    file: str
    """The sweep file's name in it."""
    sweep: str
    """The sweep's name."""

    def digest(self, more: Sequence[str] = ()) -> str:
        """Ten hex digits of the files' names and bytes, and of `more`."""
        found = hashlib.sha256("\x1f".join(more).encode())
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            found.update(f"\x1e{path.relative_to(self.folder).as_posix()}\x1f".encode())
            found.update(path.read_bytes())
        return found.hexdigest()[:10]


def make_bundle(file: Path, folder: Path) -> Bundle:
    """Copy a sweep file and its cards: those in `tasks/` beside it, then `./sweeps/tasks/`.

    The cluster then looks for a card where this machine does; those that the package ships are
    there already. Nothing else goes along: no environment, no store, no history.

    Raises:
        InputError: The sweep file is wrong; every problem is named.
    """
    from w2s_platform.sweepfile.load import load_sweep

    sweep = load_sweep(file)
    shutil.copyfile(file, folder / file.name)
    _copy_cards(file.parent / "tasks", folder / "tasks")
    _copy_cards(Path("sweeps") / "tasks", folder / "sweeps" / "tasks")
    return Bundle(folder, file.name, sweep.sweep)


def _copy_cards(source: Path, target: Path) -> None:
    cards = [card for pattern in CARDS for card in source.glob(pattern)]
    if cards:
        target.mkdir(parents=True)
    for card in cards:
        shutil.copyfile(card, target / card.name)
