"""The tables of `--reference`: every configuration against one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from w2s_platform.cli.render.layout import Layout
from w2s_platform.cli.render.means import Means
from w2s_platform.cli.render.metrics import heading
from w2s_platform.cli.render.results import (
    TITLES,
    Series,
    grid,
    in_grids,
    reported_roles,
    short_keys,
    subject_order,
)

if TYPE_CHECKING:
    import pandas as pd


def contrast_layouts(
    found: "pd.DataFrame",
    reference: Mapping[str, str],
    *,
    metric: str,
    by: Sequence[str],
    named: bool = False,
) -> list[Layout]:
    """One table per role, configurations as lines; empty where the metric was not measured.

    Args:
        found: What `results.contrasts.contrasts` returned.
        reference: Column → value of the configuration that the others are compared with.
        metric: The metric to show.
        by: The columns that tell configurations apart.
        named: The user named the subjects, so that all of them are shown.
    """
    means = Means(found, by)
    subjects = subject_order(means.subjects(metric))
    shown = [name for name in subjects if named or in_grids(name)] or subjects
    alike = [name for name in shown if _never_differs(found, metric, name)]
    shown = [name for name in shown if name not in alike]
    columns = [Series(name, means, metric, signed=True) for name in shown]
    names = zip(short_keys(list(reference)), reference.values(), strict=True)
    against = ", ".join(f"{key} = {value}" for key, value in names)
    tables = [
        grid(
            f"{TITLES.get(role, role)} {heading(metric)}, minus that of {against}",
            columns,
            role,
            means.groups,
            by,
        )
        for role in reported_roles(means, metric)
    ]
    tables = [table for table in tables if table.rows]
    notes = ["each minus the reference, paired by seed; ± half of its 95 % interval"]
    notes += [f"the same in all: {', '.join(alike)}"] if alike else []
    return [*tables[:-1], *(replace(table, notes=tuple(notes)) for table in tables[-1:])]


def _never_differs(found: "pd.DataFrame", metric: str, subject: str) -> bool:
    """Whether the settings have nothing to do with a subject: no seed differs anywhere."""
    rows = found[(found["metric"] == metric) & (found["subject"] == subject)]
    same = rows["mean"].eq(0) & ~rows["low"].lt(0) & ~rows["high"].gt(0)
    return bool((same & rows["undefined"].eq(0)).all())
