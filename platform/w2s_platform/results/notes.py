"""What a reader of a sweep's numbers must know besides the numbers."""

import json
from collections import Counter
from collections.abc import Collection
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
        artifact = store.find(cell.models["ensemble"]) if "ensemble" in cell.models else None
        if artifact is not None and artifact.kind == "ensemble":
            note = json.loads(artifact.path(ENSEMBLE).read_text())["note"]
            found.update([note] if note else [])
    return [f"{note} ({number} of {len(ledger.cells)} cells)" for note, number in found.items()]


def staleness(ledger: Ledger, cells: Collection[str]) -> str | None:
    """Say that a sweep file names other cells than those recorded; None where they agree.

    Args:
        ledger: What the store recorded when the sweep was last run.
        cells: Ids of the cells that the file spans now.
    """
    recorded = {cell.id for cell in ledger.cells}
    missing, gone = len(set(cells) - recorded), len(recorded - set(cells))
    if not missing and not gone:
        return None
    return (
        f"the file has changed since it was run: {missing} of its {len(cells)} cells are not in "
        f"these results, {gone} of these are not in the file; `w2s run` brings them together"
    )
