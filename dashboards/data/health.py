"""Is it healthy? Where cells and stages stand, who works on what, and what went wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dashboards.data.reader import SweepData, cell_state
from dashboards.data.scope import STOPPED
from w2s_platform.cli.render.text import count
from w2s_platform.results.ledger import CellRecord
from w2s_platform.results.values import show_value
from w2s_platform.store import Store

if TYPE_CHECKING:
    import pandas as pd

STATES = ("done", "cached", "running", "waiting", "failed")
MOST = 200
"""Failed or running stages that are listed."""


def cells(data: SweepData) -> "pd.DataFrame":
    """One row per cell: its id, seed, `state`, how many stages are done, and its varied keys."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for cell in data.ledger.cells:
        states = [data.statuses[key] for key in cell.stages]
        varied = {key: show_value(value) for key, value in cell.varied.items()}
        rows.append(
            {
                "sweep": data.sweep,
                "cell": cell.id,
                "seed": cell.seed,
                "state": STOPPED if cell.stopped else _state(data, cell),
                "stages done": sum(state == "done" for state in states),
                "stages": len(states),
                **varied,
            }
        )
    return pd.DataFrame(rows)


def states(data: SweepData) -> "pd.DataFrame":
    """How many cells and stages are done, cached, running, waiting and failed.

    What is cached is done, too, but was so before the sweep was first run.
    """
    import pandas as pd

    of_cells = Counter(_state(data, cell) for cell in data.ledger.cells)
    of_stages = Counter(
        "cached" if key in data.cached else _word(state) for key, state in data.statuses.items()
    )
    lines = [("cells", of_cells), ("stages", of_stages)]
    return pd.DataFrame(
        [{"what": what, **{state: held[state] for state in STATES}} for what, held in lines]
    )


def unmeasured(sweeps: Iterable[SweepData]) -> str:
    """Why there is no number to show yet."""
    states = [_state(data, cell) for data in sweeps for cell in data.ledger.cells]
    failed = f"{states.count('failed')} of {count(len(states), 'cell')} failed"
    more = f" {failed}: “Is it healthy?” tells why." if "failed" in states else ""
    return f"No measurement has finished yet.{more}"


def failures(data: SweepData, store: Store) -> "pd.DataFrame":
    """One row per failed stage: what it is, why it failed, and how many cells wait for it."""
    import pandas as pd

    waiting = Counter(key for cell in data.ledger.cells for key in cell.stages)
    failed = [key for key, state in data.statuses.items() if state == "failed"]
    rows: list[dict[str, Any]] = []
    for key in failed[:MOST]:
        attempts = store.failures(key)
        last = attempts[-1] if attempts else None
        rows.append(
            {
                "stage": last.kind if last else "",
                "key": key[:12],
                "error": last.error if last else "no record",
                "would fail again": bool(last and last.deterministic),
                "attempts": len(attempts),
                "cells waiting": waiting[key],
                "host": last.host if last else "",
                "ended": last.ended if last else "",
            }
        )
    columns = ["stage", "key", "error", "would fail again", "attempts", "cells waiting", "host"]
    return pd.DataFrame(rows, columns=[*columns, "ended"])


def causes(data: SweepData, failures: "pd.DataFrame") -> Iterator[str]:
    """One sentence per cause: how many stages it failed, how many cells wait for them, and why.

    Args:
        data: The sweep.
        failures: What `failures` returned.
    """
    why = dict(zip(failures["key"], failures["error"], strict=True))
    stages, cells = Counter(why.values()), Counter[str]()
    for cell in data.ledger.cells:
        cells.update({why[key[:12]] for key in cell.stages if key[:12] in why})
    for error, number in stages.items():
        yield f"{count(number, 'stage')} failed, for {count(cells[error], 'cell')}: {error}"


def running(data: SweepData, store: Store) -> "pd.DataFrame":
    """One row per running stage: what it is, where, and since when."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for key in [key for key, state in data.statuses.items() if state == "running"][:MOST]:
        owner = store.owner(key)
        record = owner.record if owner else None
        if record is not None:
            rows.append(
                {
                    "stage": record.kind,
                    "key": key[:12],
                    "host": record.owner.host,
                    "since": record.acquired,
                    "attempt": record.token,
                }
            )
    return pd.DataFrame(rows, columns=["stage", "key", "host", "since", "attempt"])


def kinds(data: SweepData) -> Mapping[str, int]:
    """How many stages of each kind are finished."""
    return Counter(facts.kind for facts in data.stages.values())


def _state(data: SweepData, cell: CellRecord) -> str:
    state = cell_state([data.statuses[key] for key in cell.stages])
    return "cached" if state == "done" and data.cached.issuperset(cell.stages) else state


def _word(status: str) -> str:
    return "waiting" if status == "to_run" else status
