"""The result tables: floor to ceiling, PGR and paired differences, ID and OOD."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from w2s_platform.cli.render.layout import Layout, Row
from w2s_platform.cli.render.means import (
    Group,
    Mean,
    Means,
    is_clear,
    seeds_of,
    show_mean,
)
from w2s_platform.cli.render.metrics import heading, scale_of
from w2s_platform.results.summary import REPORTED
from w2s_platform.subject import AFTER, BEST, CHOSEN, EXPERT, GENERATION, PREFIX, SUBJECTS

if TYPE_CHECKING:
    import pandas as pd

_IN_GRIDS = tuple(name for name in SUBJECTS if not name.endswith("_base"))
_COLUMNS = 8
"""Subjects beside each other; the others follow below."""
TITLES = {"id": "ID", "ood": "OOD"}
_PGR_GOES_WITH = ("accuracy", "choice_accuracy")
"""PGR is made from the first of these that was measured, and shown beside it."""


def result_layouts(
    summary: "pd.DataFrame",
    differences: "pd.DataFrame",
    *,
    sweep: str,
    metric: str,
    by: Sequence[str] = (),
    named: bool = False,
) -> list[Layout]:
    """Lay the results of one metric out as tables.

    Args:
        summary: Means over seeds, as `results.summary.summarise` makes them.
        differences: Paired differences, as `results.summary.differences` makes them.
        sweep: The sweep's name, for the title.
        metric: The metric to show; PGR is shown beside the accuracy from which it is made.
        by: The columns that tell groups apart. With one group, subjects are lines; with several,
            groups are lines, and each role has its tables.
        named: The user named the subjects, so that all of them are shown.
    """
    means, gaps = Means(summary, by), Means(differences, by)
    if len(means.groups) > 1:
        tables = _tables_by_group(means, gaps, metric, by, named)
    else:
        tables = [_table_by_subject(means, gaps, metric)]
    tables[0] = replace(tables[0], title=f"{sweep} · {tables[0].title}")
    tables[-1] = replace(tables[-1], notes=_notes(means, metric))
    return tables


def subject_order(subjects: Sequence[str]) -> list[str]:
    """Order subjects as the method makes them: base, floor, experts, ensemble, students."""
    return sorted(subjects, key=_place)


def _place(subject: str) -> tuple[int, int]:
    """Experts stand after the floor; what is not known comes last, in the order given."""
    if expert := EXPERT.fullmatch(subject):
        return SUBJECTS.index("floor"), int(expert[1])
    if prefix := PREFIX.fullmatch(subject):
        return SUBJECTS.index("ensemble"), int(prefix[1])
    if step := AFTER.fullmatch(subject):
        return SUBJECTS.index("ensemble"), int(step[1])
    if later := GENERATION.fullmatch(subject):
        return SUBJECTS.index("ceiling"), 2 * int(later[2]) + (later[1] == "ceiling")
    if subject in (CHOSEN, BEST):
        return SUBJECTS.index("ensemble"), sys.maxsize
    return (SUBJECTS.index(subject) if subject in SUBJECTS else len(SUBJECTS)), 0


def _table_by_subject(means: Means, gaps: Means, metric: str) -> Layout:
    roles = reported_roles(means, metric)
    group: Group = means.groups[0] if means.groups else ()
    series = [Series(name, means, metric) for name in subject_order(means.subjects(metric))]
    series += _gains(means, gaps, metric)
    rows: list[Row] = []
    for column in series:
        found = [column.get(group, role) for role in roles]
        if any(found):
            rows.append(_line(column, found))
    headings = ("", *(TITLES.get(role, role) for role in roles), "n")
    return Layout(heading(metric), headings, tuple(rows))


def _line(column: "Series", found: Sequence[Mean | None]) -> Row:
    texts = (show_mean(mean, column.metric, signed=column.signed) for mean in found)
    clear = column.signed and all(is_clear(mean) for mean in found if mean)
    cells = (column.heading or column.subject, *texts, seeds_of(found))
    return Row(cells, column.section, "bold" if clear else "")


def _gains(means: Means, gaps: Means, metric: str) -> "list[Series]":
    pgr = _pgr_subjects(means, metric)
    return [
        *(Series(name, means, "pgr", f"PGR, {name}", section=1) for name in pgr),
        *(
            Series(name, gaps, metric, name.replace(" - ", " − "), section=2, signed=True)
            for name in gaps.subjects(metric)
        ),
    ]


def _pgr_subjects(means: Means, metric: str) -> list[str]:
    roles = set(means.roles("pgr"))
    made_from = (name for name in _PGR_GOES_WITH if roles & set(means.roles(name)))
    if metric != next(made_from, None):
        return []
    return list(reversed(subject_order(means.subjects("pgr"))))


def _tables_by_group(
    means: Means, gaps: Means, metric: str, by: Sequence[str], named: bool
) -> list[Layout]:
    # Bases and single experts have no room here: one column per round would fill the screen.
    subjects = subject_order(means.subjects(metric))
    shown = [] if named else [name for name in subjects if in_grids(name)]
    levels = [Series(name, means, metric) for name in shown or subjects]
    gains = _gains(means, gaps, metric)
    tables: list[Layout] = []
    for role in reported_roles(means, metric):
        title = TITLES.get(role, role)
        for start in range(0, len(levels), _COLUMNS):
            part, more = levels[start : start + _COLUMNS], ", continued" if start else ""
            tables.append(grid(f"{title} {heading(metric)}{more}", part, role, means.groups, by))
        tables.append(grid(f"{title} gains", gains, role, means.groups, by))
    return [table for table in tables if table.rows]


def in_grids(subject: str) -> bool:
    """Whether a table by configuration has a column for it unasked."""
    return subject in _IN_GRIDS or GENERATION.fullmatch(subject) is not None


@dataclass(frozen=True)
class Series:
    """A subject's means of a metric: one column of a grid, or one line of a table."""

    subject: str
    means: Means
    metric: str
    heading: str = ""
    section: int = 0
    signed: bool = False

    def get(self, group: Group, role: str) -> Mean | None:
        """One mean; None where nothing was measured."""
        return self.means.get(group, role, self.metric, self.subject)


def grid(
    title: str, columns: Sequence[Series], role: str, groups: Sequence[Group], by: Sequence[str]
) -> Layout:
    """A table with a line per configuration and a column per series; those without a mean are
    left out.
    """
    columns = [column for column in columns if any(column.get(group, role) for group in groups)]
    found = {group: [column.get(group, role) for column in columns] for group in groups}
    found = {group: means for group, means in found.items() if any(means)}
    seeds = {mean.seeds for means in found.values() for mean in means if mean}
    rows: list[Row] = []
    for group, means in found.items():
        pairs = zip(columns, means, strict=True)
        texts = (show_mean(mean, column.metric, signed=column.signed) for column, mean in pairs)
        rows.append(Row((*group, *texts, *([seeds_of(means)] if len(seeds) > 1 else []))))
    headings = (*short_keys(by), *(column.heading or column.subject for column in columns))
    if len(seeds) > 1:
        return Layout(title, (*headings, "n"), tuple(rows), labels=len(by))
    return Layout(f"{title} (n = {''.join(seeds)})", headings, tuple(rows), labels=len(by))


def short_keys(keys: Sequence[str], among: Sequence[str] = ()) -> list[str]:
    """Shorten dotted keys to the last parts that tell them apart, or these and the first.

    Args:
        keys: Such as `experts.training.epochs`, which becomes `epochs`; or `experts…epochs` where
            there is another `epochs`.
        among: Others that readers could take them for.
    """
    every = dict.fromkeys([*keys, *among])
    return [_shortest(key, [other for other in every if other != key]) for key in keys]


def _shortest(key: str, others: Sequence[str]) -> str:
    parts = key.split(".")
    endings = [".".join(parts[-length:]) for length in range(1, len(parts))]
    for ending in endings:
        if not _alike(ending, others):
            return ending
    for ending in endings[:-1]:
        if not any(each.startswith(f"{parts[0]}.") for each in _alike(ending, others)):
            return f"{parts[0]}…{ending}"
    return key


def _alike(ending: str, keys: Sequence[str]) -> list[str]:
    return [key for key in keys if key == ending or key.endswith(f".{ending}")]


def _notes(means: Means, metric: str) -> tuple[str, ...]:
    one_seed = all(mean.n <= 1 for mean in means.all())
    points = scale_of(metric).points
    notes = [
        "one seed: no intervals" if one_seed else "mean ± half of its 95 % interval over n seeds",
        f"differences are paired by seed{f', in {points}' if points else ''}",
    ]
    if _pgr_subjects(means, metric):
        notes.append("PGR, %: (student − floor) / (ceiling − floor), per seed")
        if any(mean.undefined for mean in means.all()):
            notes.append("a seed whose ceiling is not above its floor, on any task, has no PGR")
    return tuple(notes)


def reported_roles(means: Means, metric: str) -> list[str]:
    """Tests where there are any, else whatever was measured so far."""
    found = means.roles(metric)
    reported = [role for role in REPORTED if role in found]
    return reported or found
