"""What a sweep cost: by stage, by kind of stage, by cell; work that cells share is billed once."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, get_args

from w2s_platform.results.ledger import Ledger, read_ledger
from w2s_platform.results.reading import Row, StoreLike, opened, varied_keys, varied_of
from w2s_platform.stage import Kind

if TYPE_CHECKING:
    import pandas as pd

    from w2s_platform.store import Store
    from w2s_platform.store.attempts import Attempt

SPENT = ("wall_seconds", "device_seconds", "tokens", "flops")
LOST = ("failed_attempts", "failed_wall_seconds", "failed_device_seconds")
_NUMBERS = ("stages", *SPENT, *LOST)


def stage_costs(store: StoreLike, sweep: str) -> "pd.DataFrame":
    """What each stage of the sweep cost, as far as it has run.

    Args:
        store: A store or its URL.
        sweep: The sweep's name.

    Returns:
        One row per stage that has finished or failed: `key`, `kind`, how many of the sweep's
        `cells` need it, `stages` (1 where it has finished); what the attempt that made it used
        (`wall_seconds`, `device_seconds`, `tokens`, `flops`, `peak_memory_bytes`); and how many
        attempts ended without a result, abandoned ones included, with what they used
        (`failed_attempts`, `failed_wall_seconds`, `failed_device_seconds`). A stage that took over
        what another made is there with the moment that this took. What another sweep paid for in
        this store counts here too.

    Raises:
        InputError: The store holds no sweep of this name.
    """
    found = opened(store)
    return _stage_costs(found, read_ledger(found, sweep))


def costs(store: StoreLike, sweep: str) -> "pd.DataFrame":
    """What each kind of stage cost together, in the order of the pipeline.

    Args and what is raised are those of `stage_costs`.

    Returns:
        One row per `kind`, with the sums of `stage_costs` over its stages; each stage counts once,
        however many cells share it.
    """
    import pandas as pd

    each = stage_costs(store, sweep)
    kinds = pd.Categorical(each["kind"], categories=[*get_args(Kind), ""])
    sums = each.assign(kind=kinds).groupby("kind", observed=True)[list(_NUMBERS)].sum()
    return sums.reset_index().astype({"kind": str})


def cell_costs(store: StoreLike, sweep: str) -> "pd.DataFrame":
    """What each cell cost, for accuracy against cost.

    Args and what is raised are those of `stage_costs`.

    Returns:
        One row per cell: `sweep, cell, seed`; the sums over its finished stages as if it had run
        alone (`wall_seconds`, `device_seconds`, `tokens`, `flops`); the same with each stage's cost
        split evenly between the cells that share it (`shared_wall_seconds`, …), which over all
        cells sums to what the sweep cost; then one column per varied key.
    """
    import pandas as pd

    found = opened(store)
    ledger = read_ledger(found, sweep)
    each = _stage_costs(found, ledger).set_index("key")
    split = each[list(SPENT)].div(each["cells"], axis=0).add_prefix("shared_")
    rows: list[Row] = []
    for cell in ledger.cells:
        mine = each.index.intersection(list(cell.stages))
        sums = {**each.loc[mine, list(SPENT)].sum(), **split.loc[mine].sum()}
        named = {"sweep": ledger.sweep, "cell": cell.id, "seed": cell.seed}
        rows.append({**named, **sums, **varied_of(cell)})
    columns = ["sweep", "cell", "seed", *SPENT, *split.columns, *varied_keys(ledger)]
    return pd.DataFrame(rows, columns=columns)


def _stage_costs(store: "Store", ledger: Ledger) -> "pd.DataFrame":
    import pandas as pd

    cells = Counter(key for cell in ledger.cells for key in cell.stages)
    rows = [row for key, number in cells.items() if (row := _bill(store, key, number))]
    columns = ("key", "kind", "cells", "stages", *SPENT, "peak_memory_bytes", *LOST)
    frame = pd.DataFrame(rows, columns=list(columns))
    return frame.astype(dict.fromkeys(("wall_seconds", "device_seconds", "flops"), float))


def _bill(store: "Store", key: str, cells: int) -> Row | None:
    """One stage; None where nothing was spent on it."""
    manifest = store.manifest(key)
    lost = [*store.failures(key), *store.past_attempts(key)]
    if manifest is None and not lost:
        return None
    kind = manifest.kind if manifest else lost[-1].kind
    spent: Row = dict.fromkeys((*SPENT, "peak_memory_bytes"), 0)
    if manifest is not None:
        spent = {name: getattr(manifest.cost, name) for name in spent}
    return {"key": key, "kind": kind, "cells": cells, "stages": int(manifest is not None),
            **spent, **_lost(lost)}  # fmt: skip


def _lost(attempts: "Iterable[Attempt]") -> Row:
    """A failure that is being cleared stands in both books for a moment; it counts once."""
    each = {attempt.attempt: attempt for attempt in attempts}.values()
    return {
        "failed_attempts": len(each),
        "failed_wall_seconds": sum((a.wall_seconds for a in each), 0.0),
        "failed_device_seconds": sum((a.cost.device_seconds for a in each), 0.0),
    }
