"""What did it cost?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dashboards.blocks import Answer, Block, Blocks
from dashboards.data import cost
from dashboards.data.reader import SweepData
from dashboards.data.scope import ROLES, Scope
from dashboards.data.stored import Stored
from dashboards.figures.bars import bar_figure
from dashboards.figures.scatter import frontier_figure
from dashboards.theme import AMOUNT, LOST
from w2s_platform import results
from w2s_platform.cli.render.metrics import heading, scale_of
from w2s_platform.cli.render.text import count, show_duration
from w2s_platform.results.billing import Finished

if TYPE_CHECKING:
    import pandas as pd

_LOWER = ("nll", "ece")


def answer(scope: Scope, stored: Stored) -> Answer:
    """By kind of stage, then results against costs."""
    import pandas as pd

    kinds = pd.concat([_costs(data, stored) for data in scope.data])
    if kinds.empty:
        return Answer(lead=("Nothing has cost anything yet.",))
    return Answer(Blocks(lambda: _blocks(scope, stored, kinds)), tuple(_lead(kinds)), ("metric",))


def _blocks(scope: Scope, stored: Stored, kinds: "pd.DataFrame") -> Iterator[Block]:
    yield _kinds(scope, cost.by_kind(kinds))
    yield from _frontiers(scope, stored)


def _costs(data: SweepData, stored: Stored) -> "pd.DataFrame":
    """By kind of stage; manifests that were read for the results are not read again."""

    def finished(key: str) -> Finished | None:
        known = data.stages.get(key)
        return known if known or data.unread else stored.store.manifest(key)

    about = ("costs", data.version)
    return stored.remember(about, data, lambda: results.costs(stored.store, data.ledger, finished))


def _lead(kinds: "pd.DataFrame") -> Iterator[str]:
    seconds = float(kinds["device_seconds"].sum())
    stages, tokens = int(kinds["stages"].sum()), float(kinds["tokens"].sum())
    yield (
        f"{count(stages, 'finished stage')} took {show_duration(seconds)} of device time, "
        f"{tokens / 1e6:.3g} million tokens and {float(kinds['flops'].sum()):.2g} FLOPs."
    )
    lost = int(kinds["failed_attempts"].sum())
    if lost:
        gone = show_duration(float(kinds["failed_device_seconds"].sum()))
        yield f"{count(lost, 'attempt')} ended without a result and took {gone} besides."


def _subjects(data: SweepData, stored: Stored) -> "pd.DataFrame":
    return stored.remember(("subject costs", data.version), data, lambda: cost.subject_costs(data))


def _kinds(scope: Scope, frame: "pd.DataFrame") -> Block:
    unit, _ = cost.unit_of(frame["device_hours"].max())
    text = cost.as_read(frame, unit)
    parts = {f"device {unit}": AMOUNT}
    if frame["failed_hours"].sum() > 0:
        parts[f"lost {unit}"] = LOST
    return Block(
        name="kinds",
        title="By kind of stage",
        frame=frame,
        text=text,
        figure=bar_figure(
            text, "stage", parts, title=f"device {unit}", state=scope.selection.to_query()
        ),
        notes=(
            "work that cells share is billed once; a device is a GPU or, where there is none, a "
            "worker process",
            "of the whole sweep: filters do not change what was spent",
        ),
    )


def _frontiers(scope: Scope, stored: Stored) -> Iterator[Block]:
    import pandas as pd

    metric = scope.metric
    if not metric:
        return
    costs = pd.concat([_subjects(data, stored) for data in scope.data], ignore_index=True)
    for role in ("id", "ood"):
        frame = cost.frontier(scope.rows, costs, metric, role, lower=metric in _LOWER)
        if frame.empty:
            continue
        unit, in_hour = cost.unit_of(frame["device_hours"].max())
        shown = frame.assign(
            value=frame["value"] * scale_of(metric).factor, cost=frame["device_hours"] * in_hour
        )
        drawn = cost.apart(shown, "cost", "value")
        under = f"{len(drawn)} of {count(len(shown), 'point')} drawn: the others lie under these"
        yield Block(
            name=f"frontier-{role}",
            title=f"{heading(metric)} against cost, {ROLES[role]} questions",
            frame=frame,
            figure=frontier_figure(
                drawn,
                x="cost",
                y="value",
                titles=(f"device {unit} to make it, all that it needs included", heading(metric)),
                state=scope.selection.to_query(),
            ),
            notes=(
                "one point per configuration and subject, means over seeds; the cost is that of "
                "its own training and all that it needs, as if nothing else had been run; neither "
                "axis begins at zero",
                *([under] if len(drawn) < len(shown) else []),
                *scope.notes(scope.of(metric), scope.varied),
            ),
        )
