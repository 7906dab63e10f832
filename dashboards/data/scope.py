"""How much of a sweep is shown, and what is left out and why: no row is dropped silently."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dashboards.data.reader import SweepData
from dashboards.selection import Selection
from dashboards.text import some
from w2s_platform.cli.render.results import short_keys
from w2s_platform.cli.render.text import count
from w2s_platform.results.coded import as_codes
from w2s_platform.results.rows import COLUMNS
from w2s_platform.results.summary import REPORTED, varied_columns
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    import pandas as pd

PREFERRED = ("accuracy", "choice_accuracy")
ROLES = {"id": "ID", "ood": "OOD", "validation": "validation", "transfer": "transfer"}
FEW, MOST_TRIALS = 12, 500
"""Configurations that are kept apart unless asked otherwise; and how many are counted at all."""
NOTHING = "nothing"
"""As the column to keep apart: average over everything."""
FILTERED = ("seed", "subject", "task", "role")
"""Columns that can be filtered beside the varied keys."""
STOPPED = "stopped early"
"""Of a cell whose trial the search's scheduler ended: its test questions are never asked."""
_UNMEASURED = {"done": "done, but not read yet or without any measurement"}


def role_name(role: Any) -> str:
    """A role as people read it."""
    return ROLES.get(str(role), str(role))


@dataclass(frozen=True, eq=False)
class Scope:
    """The chosen sweeps' rows after filtering, and what the choice left out."""

    data: tuple[SweepData, ...]
    selection: Selection
    rows: "pd.DataFrame"
    """What is left after filtering, all metrics; words as numbers, see `results.coded`."""
    _by_metric: "dict[str, pd.DataFrame]" = field(default_factory=dict, repr=False)

    @cached_property
    def varied(self) -> list[str]:
        """The keys that the sweeps vary."""
        return varied_columns(self.rows)

    @cached_property
    def metrics(self) -> list[str]:
        """What was measured, the accuracies first; PGR is shown beside them and is none of these.

        Metrics of the test questions come before those of others.
        """
        tested = set(self.rows.loc[self.rows["role"].isin(REPORTED), "metric"].unique())
        found = list(dict.fromkeys(self.rows["metric"].unique()))
        usual = [name for name in PREFERRED if name in found]
        ordered = sorted(dict.fromkeys([*usual, *found]), key=lambda name: name not in tested)
        return [name for name in ordered if name != "pgr"]

    @cached_property
    def metric(self) -> str:
        """The metric to show; empty where nothing was measured."""
        chosen = self.selection.metric
        return chosen if chosen in self.metrics else next(iter(self.metrics), "")

    def of(self, metric: str) -> "pd.DataFrame":
        """The rows of one metric."""
        if metric not in self._by_metric:
            self._by_metric[metric] = self.rows[self.rows["metric"] == metric]
        return self._by_metric[metric]

    def tested(self, metric: str) -> "pd.DataFrame":
        """The rows of one metric on test questions; on all, where there are none on these."""
        name = f"tested {metric}"
        if name not in self._by_metric:
            chosen = self.of(metric)
            reported = chosen[chosen["role"].isin(REPORTED)]
            self._by_metric[name] = chosen if reported.empty else reported
        return self._by_metric[name]

    @cached_property
    def by(self) -> list[str]:
        """The columns to keep apart: those chosen, and the sweep where several are shown.

        Where nothing was chosen, the varied keys of one sweep of few configurations, as `w2s
        results` does; means over many are a better beginning than a hundred lines.
        """
        known = [key for key in self.selection.by if key in self.rows.columns]
        if len(self.data) > 1:
            return list(dict.fromkeys(["sweep", *known]))
        return known if self.selection.by else self._few

    def notes(
        self, rows: "pd.DataFrame | None" = None, apart: Sequence[str] | None = None
    ) -> tuple[str, ...]:
        """How many seeds and cells are shown, and how many are not, and why.

        Args:
            rows: What a figure shows; default: everything after filtering.
            apart: The keys that it keeps apart; default: `by`.
        """
        shown = self.rows if rows is None else rows
        cells, seeds = shown["cell"].nunique(), shown["seed"].nunique()
        total = sum(len(data.ledger.cells) for data in self.data)
        head = f"shows {count(seeds, 'seed')}, {cells} of {count(total, 'cell')}"
        left = list(self._left_out(shown, total))
        return (
            f"{head}; not shown: {', '.join(left)}" if left else head,
            *self._averaged(self.by if apart is None else apart),
        )

    def averaged(self, apart: Sequence[str]) -> list[str]:
        """The varied keys, as they are shown, that are averaged over where these are kept apart."""
        return short_keys([key for key in self._varying if key not in apart], self._varying)

    def _left_out(self, shown: "pd.DataFrame", total: int) -> Iterable[str]:
        why = sum((data.unmeasured for data in self.data), Counter[str]())
        for state, number in why.items():
            yield f"{number} {_UNMEASURED.get(state, state)}"
        filtered = total - sum(why.values()) - self._cells
        if filtered:
            yield f"{filtered} filtered out"
        other = total - shown["cell"].nunique() - filtered - sum(why.values())
        if stopped := min(other, self._stopped(shown)):
            yield f"{stopped} {STOPPED}"
        if other > stopped:
            yield f"{other - stopped} without such a measurement"

    def _stopped(self, shown: "pd.DataFrame") -> int:
        """Cells of trials that were stopped early, among those that could be shown and are not."""
        ended = {cell.id for data in self.data for cell in data.ledger.cells if cell.stopped}
        return len(
            ended.intersection(self.rows["cell"].unique()).difference(shown["cell"].unique())
        )

    @cached_property
    def _few(self) -> list[str]:
        """The keys that tell a few configurations apart; none where there are many."""
        trials = {cell.trial for cell in self.data[0].ledger.cells}
        if len(trials) > MOST_TRIALS:
            return []
        keys = [key for key in self.varied if self.rows[key].nunique(dropna=False) > 1]
        return keys if keys and len(self.rows[keys].drop_duplicates()) <= FEW else []

    @cached_property
    def _varying(self) -> list[str]:
        return [key for key in self.varied if self.rows[key].nunique() > 1]

    @cached_property
    def _cells(self) -> int:
        return int(self.rows["cell"].nunique())

    def _averaged(self, apart: Sequence[str]) -> Iterable[str]:
        if over := self.averaged(apart):
            yield f"averaged within each seed over {some(over)}"
        for key in self.selection.where:
            if key in self.rows.columns:
                yield f"only {key}: {some(self.selection.where[key])}"


def scope_of(data: Sequence[SweepData], selection: Selection) -> Scope:
    """Filter the rows of the chosen sweeps."""
    import pandas as pd

    if len(data) == 1:
        rows = data[0].coded
    else:
        rows = as_codes(pd.concat([each.frame for each in data], ignore_index=True))
    first = [name for name in COLUMNS if name in rows.columns]
    rows = rows[[*first, *(name for name in rows.columns if name not in COLUMNS)]]
    return Scope(tuple(data), selection, filtered(rows, selection.where))


def filtered(rows: "pd.DataFrame", where: Mapping[str, Sequence[str]]) -> "pd.DataFrame":
    """The rows whose values, as text, are among those chosen; unknown columns filter nothing."""
    for column, chosen in where.items():
        if column in rows.columns:
            keep = [value for value in rows[column].unique() if show_value(value) in chosen]
            rows = rows[rows[column].isin(keep)]
    return rows


def choices(rows: "pd.DataFrame", column: str) -> list[str]:
    """The values of a column as text, numbers in their order."""
    values: list[Any] = list(rows[column].unique())
    return [show_value(value) for value in sorted(values, key=sort_key)]


def places(values: Iterable[Any]) -> dict[str, int]:
    """Where each value stands along an axis, by its text: numbers and models by size, other names
    as they come (a sweep file lists its cases in the order of reading), what is missing last."""
    ordered = sorted(values, key=lambda value: sort_key(value)[:2])
    return {text: n for n, text in enumerate(dict.fromkeys(map(show_value, ordered)))}


def sort_key(value: Any) -> tuple[int, float, str]:
    """Numbers by size, then text by the alphabet and the sizes in it, then what is missing.

    Models are told by their sizes: `pythia-70m` stands before `pythia-1b`, `nano-s` before
    `nano-m`.
    """
    text = show_value(value)
    if text == "–":
        return 2, 0.0, ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        number = getattr(value, "item", lambda: value)()
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            return _by_size(text)
        value = number
    return 0, float(value), text


def _by_size(text: str) -> tuple[int, float, str]:
    found = _SIZED.fullmatch(text)
    if found is None:
        return 1, 0.0, text
    name, number, unit, letter = found.groups()
    if letter:
        return 1, float(_LETTERS.index(letter)), name
    return 1, float(number) * _UNITS[unit.lower()], name


_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}
_LETTERS = ("xs", "s", "m", "l", "xl")
_SIZED = re.compile(r"(.*?-)(?:(\d+(?:\.\d+)?)([kmbKMB]?)|(xs|s|m|l|xl))")
