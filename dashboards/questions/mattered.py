"""What mattered?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dashboards.blocks import Answer, Block, Blocks
from dashboards.data import mattered
from dashboards.data.health import unmeasured
from dashboards.data.scope import Scope, role_name
from dashboards.data.stored import Stored
from dashboards.figures.bars import bar_figure
from dashboards.figures.curves import curve_figure
from dashboards.figures.maps import heat_figure
from dashboards.figures.parallel import parallel_figure
from dashboards.text import some
from dashboards.theme import AMOUNT
from w2s_platform.cli.render.metrics import heading, scale_of
from w2s_platform.cli.render.results import short_keys
from w2s_platform.cli.render.text import count
from w2s_platform.subject import AFTER

if TYPE_CHECKING:
    import pandas as pd

_BAND = "points are means over seeds, bands or bars their 95 % intervals"


def answer(scope: Scope, stored: Stored) -> Answer:
    """Curves over a setting, a map over two, and all configurations at once."""
    metric = scope.metric
    if not metric:
        return Answer(lead=(unmeasured(scope.data),))
    lead = () if mattered.settings(scope.rows) else ("This sweep varies nothing but the seed.",)
    return Answer(Blocks(lambda: _blocks(scope, metric)), lead, ("metric", "x", "y", "subject"))


def _blocks(scope: Scope, metric: str) -> Iterator[Block]:
    yield from _prefixes(scope, metric)
    yield from _curve(scope, metric)
    subject = judged_subject(scope, metric)
    if subject:
        yield from _map(scope, metric, subject)
        yield from _configurations(scope, metric, subject)


def judged_subject(scope: Scope, metric: str) -> str:
    """The subject whose numbers are shown: the chosen one, else the last that there is.

    Of a search most of whose trials were stopped early, the one that most of them were judged by.
    """
    found = scope.of(metric).groupby("subject", observed=True)["cell"].nunique()
    cells = {str(name): int(number) for name, number in found.items()}
    if scope.selection.subject in cells:
        return scope.selection.subject
    found_after = ((cells[name], AFTER.fullmatch(name), name) for name in cells)
    rounds = [(number, int(step[1]), name) for number, step, name in found_after if step]
    steps = [name for *_, name in sorted(rounds, reverse=True)]
    most = cells[steps[0]] if steps else 0
    order = ("student", "ensemble", *steps, "floor", *sorted(cells))
    widely = [name for name in order if 2 * cells.get(name, 0) >= most]
    return next((name for name in widely if name in cells), "")


def _prefixes(scope: Scope, metric: str) -> Iterator[Block]:
    frame = mattered.prefixes(scope.tested(metric))
    if frame.empty:
        return
    yield Block(
        name="experts",
        title=f"{heading(metric)} over the number of experts",
        frame=frame,
        figure=curve_figure(
            frame, "experts", metric, title="experts", y=heading(metric), state=_state(scope)
        ),
        notes=(
            _BAND,
            f"`ensemble`: the first so many experts together; `{mattered.ALONE}`: the one of that "
            "round",
            *scope.notes(scope.tested(metric), []),
        ),
    )


def _curve(scope: Scope, metric: str) -> Iterator[Block]:
    keys = mattered.settings(scope.rows)
    x = scope.selection.x if scope.selection.x in scope.varied else next(iter(keys), "")
    if not x:
        return
    frame = mattered.curve(scope.tested(metric), x)
    lane = frame.loc[frame[x].astype(str) == "n/a", "n"]
    yield Block(
        name="curve",
        title=f"{heading(metric)} over {x}",
        frame=frame,
        figure=curve_figure(frame, x, metric, title=x, y=heading(metric), state=_state(scope)),
        notes=(
            _BAND,
            *(["cells without this setting are shown as n/a"] if len(lane) else []),
            *scope.notes(scope.tested(metric), [x]),
        ),
    )


def _map(scope: Scope, metric: str, subject: str) -> Iterator[Block]:
    pair = mattered.pair_of_settings(scope.rows)
    chosen = scope.selection
    if pair is None:
        return
    y = chosen.y if chosen.y in scope.varied else pair[0]
    x = next(key for key in (chosen.x, *reversed(pair)) if key in scope.varied and key != y)
    rows = scope.tested(metric)
    if subject not in rows["subject"].unique():
        rows = scope.of(metric)
    frame = mattered.field(rows, x, y, subject)
    across, down = short_keys([x, y], scope.varied)
    shown = frame.assign(
        shown=frame["mean"] * scale_of(metric).factor,
        panel=[role_name(role) for role in frame["role"]],
    )
    yield Block(
        name="map",
        title=f"{heading(metric)} of {subject} over {y} and {x}",
        frame=frame,
        figure=heat_figure(
            shown,
            x,
            y,
            "shown",
            panel="panel",
            titles=(across, down),
            digits=scale_of(metric).digits,
            state=_state(scope),
        ),
        notes=(
            "each field is a mean over seeds; an empty one was not measured",
            *scope.notes(rows[rows["subject"] == subject], [x, y]),
        ),
    )


def _configurations(scope: Scope, metric: str, subject: str) -> Iterator[Block]:
    keys = mattered.settings(scope.rows)
    if not keys:
        return
    role = _role(scope.rows, metric, subject)
    frame = mattered.configurations(scope.rows, metric, subject, role)
    missing = int(frame[mattered.VALUE].isna().sum())
    scaled = frame.assign(value=frame[mattered.VALUE] * scale_of(metric).factor)
    told = f"{subject}, {heading(metric)}, {role_name(role)} questions"
    without = f"{count(missing, 'configuration')} without this result (yet)"
    yield Block(
        name="configurations",
        title=f"Every configuration: {told}",
        frame=frame,
        figure=parallel_figure(scaled, keys, title=heading(metric), state=_state(scope)),
        notes=(
            f"{count(len(frame) - missing, 'line')}, one per configuration, the higher the darker"
            + (f"; {without}" if missing else ""),
            "lines are spread a little where they would lie on each other; n/a: the configuration "
            "does not have this setting",
        ),
    )
    yield from _importance(scope, frame, keys, told)


def _importance(scope: Scope, frame: "pd.DataFrame", keys: list[str], told: str) -> Iterator[Block]:
    found = mattered.importance(frame, keys)
    if found is None:
        return
    left = f"not judged, as not every configuration has them: {some(found.left_out)}"
    yield Block(
        name="importance",
        title=f"Which setting mattered most: {told}",
        frame=found.frame,
        figure=bar_figure(
            found.frame,
            "setting",
            {"importance": AMOUNT},
            title="share of the variation between configurations",
            state=_state(scope),
        ),
        notes=(
            f"{found.evaluator} (Optuna), over {count(found.used, 'configuration')} with a result",
            *([left] if found.left_out else []),
        ),
    )


def _role(rows: "pd.DataFrame", metric: str, subject: str) -> str:
    """Choosing reads validation data only; where there are none, what else was measured."""
    found = rows.loc[(rows["metric"] == metric) & (rows["subject"] == subject), "role"].unique()
    return next((role for role in ("validation", "ood", "id") if role in found), str(found[0]))


def _state(scope: Scope) -> str:
    return scope.selection.to_query()
