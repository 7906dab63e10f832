"""What a reader of a sweep's numbers must know besides the numbers."""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from w2s_platform.results.ledger import Ledger

if TYPE_CHECKING:
    from w2s_platform.store import Store

ENSEMBLE = "ensemble.json"


def ensemble_notes(store: "Store", ledger: Ledger) -> list[str]:
    """Where an ensemble is not what was asked for: fewer experts, or the floor alone.

    Returns:
        One line for each such remark, with the number of cells that it is about.
    """
    found: Counter[str] = Counter()
    for cell in ledger.cells:
        note = ensemble_note(store, cell.models["ensemble"]) if "ensemble" in cell.models else ""
        found.update([note] if note else [])
    return notes_told(found, ledger)


def ensemble_note(store: "Store", key: str) -> str:
    """What an ensemble is instead of what was asked for; empty where it is just that, or absent."""
    artifact = store.find(key)
    if artifact is None or artifact.kind != "ensemble":
        return ""
    return json.loads(artifact.path(ENSEMBLE).read_text())["note"] or ""


def notes_told(notes: Mapping[str, int], ledger: Ledger) -> list[str]:
    """A line for each note, with the number of cells that it is about."""
    return [f"{note} ({number} of {len(ledger.cells)} cells)" for note, number in notes.items()]


def staleness(ledger: Ledger, cells: Mapping[str, Collection[str]]) -> list[str]:
    """Say where the recorded cells are not what a sweep file stands for now.

    Args:
        ledger: What the store recorded when the sweep was last run.
        cells: The cells that the file spans now: id → keys of its stages; no keys where they can't
            be told here.

    Returns:
        A line for cells that differ, and one for cells whose stages do; none where all agree.
    """
    recorded = {cell.id: set(cell.stages) for cell in ledger.cells}
    missing, gone = len(cells.keys() - recorded.keys()), len(recorded.keys() - cells.keys())
    other = [name for name in cells if cells[name] and recorded.get(name, set()) - set(cells[name])]
    notes: list[str] = []
    if missing or gone:
        notes.append(
            f"the file has changed since it was run: {missing} of its {len(cells)} cells are not "
            f"in these results, {gone} of these are not in the file; `w2s run` brings them together"
        )
    if other:
        notes.append(
            f"{len(other)} of {len(cells)} cells were run with other data, another model or an "
            "older version of a stage than there are now; `w2s run` makes them anew"
        )
    return notes
