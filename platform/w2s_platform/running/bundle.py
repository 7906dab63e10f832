"""What a sweep needs at another place: its file, and the task cards that it may name."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble_core.documents import DocumentErrors

if TYPE_CHECKING:
    from ensemble_core.documents import Problem
    from ensemble_core.settings import ModelRef
    from w2s_platform.sweepfile.sweep import Sweep

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
    if problems := _left_behind(sweep):
        raise DocumentErrors(sorted(problems))
    shutil.copyfile(file, folder / file.name)
    _copy_cards(file.parent / "tasks", folder / "tasks")
    _copy_cards(Path("sweeps") / "tasks", folder / "sweeps" / "tasks")
    return Bundle(folder, file.name, sweep.sweep)


def _left_behind(sweep: "Sweep") -> "set[Problem]":
    """What is named by a place relative to this machine's working directory."""
    from w2s_platform.sweepfile.check import problem_at

    hint = "name it absolutely, at a place that every node reaches"
    models = {
        problem_at(sweep, point, loc, f"`{place}` does not go to the cluster along", hint)
        for point in sweep.points
        for loc, model in point.config.models()
        if (place := _relative(model))
    }
    return models | {
        sweep.document.problem(("track", *loc), f"`{place}` would be lost with the job", hint)
        for loc, place in sweep.track.places()
        if not Path(place).is_absolute()
    }


def _relative(model: "ModelRef") -> str | None:
    place = model.path or (model.gguf if model.package is None else None)
    return place if place and not Path(place).is_absolute() else None


def _copy_cards(source: Path, target: Path) -> None:
    cards = [card for pattern in CARDS for card in source.glob(pattern)]
    if cards:
        target.mkdir(parents=True)
    for card in cards:
        shutil.copyfile(card, target / card.name)
