"""Did it work?"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dashboards.blocks import Answer, Block, Blocks
from dashboards.data import worked
from dashboards.data.health import unmeasured
from dashboards.data.mattered import staged
from dashboards.data.scope import Scope, role_name
from dashboards.data.stored import Stored
from dashboards.figures.intervals import MOST_GROUPS, interval_figure
from dashboards.frames import records
from dashboards.text import difference_words, some, verdict
from w2s_platform.cli.render.metrics import heading, show_interval
from w2s_platform.cli.render.results import short_keys
from w2s_platform.cli.render.text import count
from w2s_platform.results.summary import count_uneven
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    import pandas as pd

MOST_WORDS = 24
"""Differences that are told in words besides."""
_MEANS = "points are means over seeds, lines their 95 % intervals"
_STAGED = "not shown: single experts and the first so many together; filter by subject to see them"
_PGR = "PGR = (student − floor) / (ceiling − floor) in percent, per seed; undefined where the "
_CLAIMS = {
    "ensemble - floor": ("The ensemble", "the first expert alone"),
    "ensemble - long": ("The ensemble", "one expert trained as long"),
    "ensemble - bagging": ("The ensemble", "bagging"),
    "student - single": ("The student", "a student of one expert"),
}


def answer(scope: Scope, stored: Stored) -> Answer:
    """Levels, PGR and paired differences of the chosen metric."""
    metric, by = scope.metric, scope.by
    if not metric:
        return Answer(lead=(unmeasured(scope.data),))
    gains = worked.gains(scope.tested(metric), metric, by)
    return Answer(
        blocks=Blocks(lambda: _blocks(scope, gains, metric, by)),
        lead=tuple(_lead(scope, gains, metric)),
        controls=("metric", "by"),
    )


def _blocks(scope: Scope, gains: "pd.DataFrame", metric: str, by: list[str]) -> Iterator[Block]:
    yield _levels(scope, metric, by)
    yield from _recovered(scope, metric, by)
    yield from _gains(scope, gains, metric, by)


def _levels(scope: Scope, metric: str, by: list[str]) -> Block:
    every = scope.tested(metric)
    rows = every if "subject" in scope.selection.where else every[~staged(every)]
    frame = worked.levels(rows, by)
    lacking = count_uneven(rows, by) if len(rows) else 0
    lacks = f"{count(lacking, 'mean')} with seeds that lack slices which other seeds have (yet)"
    return Block(
        name="levels",
        title=f"From floor to ceiling: {heading(metric)}",
        frame=frame,
        figure=interval_figure(frame, metric, state=scope.selection.to_query()),
        notes=(
            _MEANS,
            *scope.notes(rows),
            *(note for data in scope.data for note in data.notes),
            *([_STAGED] if len(rows) < len(every) else []),
            *([lacks] if lacking else []),
            *_undrawn(frame),
        ),
        text=_read(frame, metric, by),
    )


def _recovered(scope: Scope, metric: str, by: list[str]) -> Iterator[Block]:
    rows = scope.tested("pgr")
    if rows.empty or not worked.has_pgr(scope.metrics, metric):
        return
    frame = worked.levels(rows, by)
    undefined = int(frame["undefined"].sum())
    words = (
        f"{role_name(row['role'])}, {row['subject']}{_named(row['group'])}: "
        f"{show_interval(row['mean'], row['low'], row['high'], 'pgr')} %, "
        f"{_defined(row['n'], row['undefined'])}"
        for row in records(frame)
    )
    yield Block(
        name="pgr",
        title="Performance gap recovered",
        frame=frame,
        figure=interval_figure(frame, "pgr", state=scope.selection.to_query()),
        words=tuple(words) if len(frame) <= 8 else (),
        notes=(
            f"{_PGR}ceiling is not above the floor: {undefined} of "
            f"{int(frame['n'].sum()) + undefined} such values",
            *scope.notes(rows),
            *_undrawn(frame),
        ),
        text=_read(frame, "pgr", by),
    )


def _gains(scope: Scope, frame: "pd.DataFrame", metric: str, by: list[str]) -> Iterator[Block]:
    if frame.empty:
        return
    words = (
        f"{row['subject'].replace(' - ', ' − ')}, {role_name(row['role'])}{_named(row['group'])}: "
        f"{_difference(row, metric)}"
        for row in records(frame)
    )
    yield Block(
        name="gains",
        title=f"What was gained: differences of {heading(metric).partition(',')[0]}",
        frame=frame,
        figure=interval_figure(frame, metric, signed=True, state=scope.selection.to_query()),
        words=tuple(words) if _several(frame) and len(frame) <= MOST_WORDS else (),
        notes=("differences are paired by seed, cell and task", *_undrawn(frame)),
        text=_read(frame, metric, by, signed=True),
    )


def _lead(scope: Scope, gains: "pd.DataFrame", metric: str) -> Iterator[str]:
    """One sentence per comparison: what was gained or, of several groups, in how many of them."""
    if gains.empty:
        return
    if over := scope.averaged(scope.by):
        yield f"Averaged over {some(over)}: 'Keep apart' and 'Filters' show single configurations."
    if _several(gains):
        yield from _tally(gains, metric)
        return
    for row in records(gains):
        if row["subject"] in _CLAIMS:
            first, second = _CLAIMS[row["subject"]]
            said = verdict(row["low"], row["high"], metric)
            middle = {
                "better": f"does better than {second}",
                "worse": f"does worse than {second}",
                "not clear": f"can't be told apart from {second}",
            }[said]
            where = f"on {role_name(row['role'])} questions"
            yield f"{first} {middle} {where}: {_difference(row, metric)}."


def _tally(gains: "pd.DataFrame", metric: str) -> Iterator[str]:
    """Each comparison's verdicts over the groups."""
    for (subject, role), part in gains.groupby(["subject", "role"], sort=False):
        if subject in _CLAIMS:
            first, second = _CLAIMS[str(subject)]
            said = Counter(verdict(row["low"], row["high"], metric) for row in records(part))
            where = f"on {role_name(role)} questions"
            yield (
                f"{first} against {second} {where}, {count(len(part), 'group')}: "
                f"better in {said['better']}, worse in {said['worse']}, not clear in "
                f"{said['not clear']}."
            )


def _read(
    frame: "pd.DataFrame", metric: str, by: list[str], *, signed: bool = False
) -> "pd.DataFrame":
    """The rows as people read them: one line per group and subject, a column per role."""
    import pandas as pd

    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in records(frame):
        key = (*(show_value(row[name]) for name in by), str(row["subject"]).replace(" - ", " − "))
        line = lines.setdefault(key, dict(zip([*short_keys(by), "subject"], key, strict=True)))
        role = role_name(row["role"])
        line[role] = show_interval(row["mean"], row["low"], row["high"], metric, signed=signed)
        line[f"seeds, {role}"] = _defined(int(row["n"]), int(row["undefined"]))
    return pd.DataFrame(list(lines.values())).fillna("")


def _difference(row: Mapping[str, Any], metric: str) -> str:
    return difference_words(row["mean"], row["low"], row["high"], int(row["n"]), metric)


def _named(group: str) -> str:
    return f" ({group})" if group else ""


def _several(frame: "pd.DataFrame") -> bool:
    """Whether there are several groups; one alone is told in the lead."""
    return frame["group"].nunique() > 1


def _defined(n: int, undefined: int) -> str:
    return f"{n} of {n + undefined} seeds" if undefined else count(n, "seed")


def _undrawn(frame: "pd.DataFrame") -> tuple[str, ...]:
    more = frame["group"].nunique() - MOST_GROUPS
    return (f"the figure has room for {MOST_GROUPS} groups; {more} more in the table",) * (more > 0)
