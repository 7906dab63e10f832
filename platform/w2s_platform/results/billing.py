"""What a sweep cost: by stage, by kind of stage, by cell; work that cells share is billed once."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, get_args

from w2s_platform.results.ledger import Ledger
from w2s_platform.results.reading import (
    Row,
    StoreLike,
    SweepLike,
    ledger_of,
    opened,
    varied_keys,
    varied_of,
)
from w2s_platform.stage import Kind
from w2s_platform.store import names
from w2s_platform.store.errors import explained

if TYPE_CHECKING:
    import pandas as pd

    from w2s_platform.store import Cost, Store
    from w2s_platform.store.attempts import Attempt

SPENT = ("wall_seconds", "device_seconds", "tokens", "flops")
LOST = ("failed_attempts", "failed_wall_seconds", "failed_device_seconds")
_NUMBERS = ("stages", *SPENT, *LOST)


class Finished(Protocol):
    """What a bill needs of a finished stage; a manifest has it."""

    @property
    def kind(self) -> str:
        """Of which kind it is."""
        ...

    @property
    def cost(self) -> "Cost":
        """What the attempt that made it used."""
        ...


def stage_costs(
    store: StoreLike, sweep: SweepLike, finished: Callable[[str], Finished | None] | None = None
) -> "pd.DataFrame":
    """What each stage of the sweep cost, as far as it has run.

    Args:
        store: A store or its URL.
        sweep: The sweep's name, or its ledger.
        finished: A stage by its key, None where it has not finished; default: the store's
            manifests. Manifests never change, so whoever has read them need not do so again.

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
    return _stage_costs(found, ledger_of(found, sweep), finished or found.manifest)


def costs(
    store: StoreLike, sweep: SweepLike, finished: Callable[[str], Finished | None] | None = None
) -> "pd.DataFrame":
    """What each kind of stage cost together, in the order of the pipeline.

    Args and what is raised are those of `stage_costs`.

    Returns:
        One row per `kind`, with the sums of `stage_costs` over its stages; each stage counts once,
        however many cells share it.
    """
    import pandas as pd

    each = stage_costs(store, sweep, finished)
    kinds = pd.Categorical(each["kind"], categories=[*get_args(Kind), ""])
    sums = each.assign(kind=kinds).groupby("kind", observed=True)[list(_NUMBERS)].sum()
    return sums.reset_index().astype({"kind": str})


def cell_costs(store: StoreLike, sweep: SweepLike) -> "pd.DataFrame":
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
    ledger = ledger_of(found, sweep)
    each = _stage_costs(found, ledger, found.manifest).set_index("key")
    split = each[list(SPENT)].div(each["cells"], axis=0).add_prefix("shared_")
    rows: list[Row] = []
    for cell in ledger.cells:
        mine = each.index.intersection(list(cell.stages))
        sums = {**each.loc[mine, list(SPENT)].sum(), **split.loc[mine].sum()}
        named = {"sweep": ledger.sweep, "cell": cell.id, "seed": cell.seed}
        rows.append({**named, **sums, **varied_of(cell)})
    columns = ["sweep", "cell", "seed", *SPENT, *split.columns, *varied_keys(ledger)]
    return pd.DataFrame(rows, columns=columns)


def _stage_costs(
    store: "Store", ledger: Ledger, finished: Callable[[str], Finished | None]
) -> "pd.DataFrame":
    import pandas as pd

    cells = Counter(key for cell in ledger.cells for key in cell.stages)
    lost = _attempts(store, cells)
    bills = (_bill(key, cells[key], finished(key), lost.get(key, [])) for key in cells)
    rows = [bill for bill in bills if bill]
    columns = ("key", "kind", "cells", "stages", *SPENT, "peak_memory_bytes", *LOST)
    frame = pd.DataFrame(rows, columns=list(columns))
    return frame.astype(dict.fromkeys(("wall_seconds", "device_seconds", "flops"), float))


def _attempts(store: "Store", keys: Iterable[str]) -> "dict[str, list[Attempt]]":
    """The attempts that ended without a result, of the stages that have any.

    Found by listing folders, as two looks for each of ten thousand stages would take seconds.
    """
    wanted = set(keys)
    folders = {
        f"{book(key).rpartition('/')[0]}/" for key in wanted for book in (names.failure, names.past)
    }
    with explained(store.url):
        listed = {names.key_of(name) for each in folders for name in store.backend.children(each)}
    return {key: [*store.failures(key), *store.past_attempts(key)] for key in listed & wanted}


def _bill(key: str, cells: int, finished: Finished | None, lost: "Sequence[Attempt]") -> Row | None:
    """One stage; None where nothing was spent on it."""
    if finished is None and not lost:
        return None
    kind = finished.kind if finished else lost[-1].kind
    spent: Row = dict.fromkeys((*SPENT, "peak_memory_bytes"), 0)
    if finished is not None:
        spent = {name: getattr(finished.cost, name) for name in spent}
    return {"key": key, "kind": kind, "cells": cells, "stages": int(finished is not None),
            **spent, **_lost(lost)}  # fmt: skip


def _lost(attempts: "Iterable[Attempt]") -> Row:
    """A failure that is being cleared stands in both books for a moment; it counts once."""
    each = {attempt.attempt: attempt for attempt in attempts}.values()
    return {
        "failed_attempts": len(each),
        "failed_wall_seconds": sum((a.wall_seconds for a in each), 0.0),
        "failed_device_seconds": sum((a.cost.device_seconds for a in each), 0.0),
    }
