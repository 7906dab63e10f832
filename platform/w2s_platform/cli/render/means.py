"""Summaries by what they are the mean of, so that a table can ask for one cell at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from w2s_platform.cli.render.metrics import show_interval
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    import pandas as pd

Group = tuple[str, ...]


@dataclass(frozen=True)
class Mean:
    """A mean over seeds with its 95 % interval; bounds are NaN where there is one seed."""

    mean: float
    low: float
    high: float
    n: int
    """Seeds with a value."""
    undefined: int = 0
    """Seeds without one."""

    @property
    def seeds(self) -> str:
        """How many seeds count: `4`, or `3 of 4` where one has no value."""
        return f"{self.n} of {self.n + self.undefined}" if self.undefined else str(self.n)


class Means:
    """A summary frame, by group, role, metric and subject.

    Args:
        summary: What `results.summary.summarise` or `differences` returned.
        by: The columns that tell groups apart.
    """

    def __init__(self, summary: "pd.DataFrame", by: Sequence[str]) -> None:
        self._means: dict[tuple[Group, str, str, str], Mean] = {}
        records: list[dict[str, Any]] = summary.to_dict("records")  # pyright: ignore[reportAssignmentType]
        for record in records:
            group = tuple(show_value(record[key]) for key in by)
            place = (group, record["role"], record["metric"], record["subject"])
            self._means[place] = _mean(record)

    @property
    def groups(self) -> list[Group]:
        """The groups, in the order of the summary."""
        return list(dict.fromkeys(group for group, *_ in self._means))

    def roles(self, metric: str) -> list[str]:
        """The roles that have means of `metric`, in the order of the summary."""
        return list(dict.fromkeys(role for _, role, name, _ in self._means if name == metric))

    def subjects(self, metric: str) -> list[str]:
        """The subjects that have means of `metric`, in the order of the summary."""
        found = (subject for _, _, name, subject in self._means if name == metric)
        return list(dict.fromkeys(found))

    def get(self, group: Group, role: str, metric: str, subject: str) -> Mean | None:
        """One mean; None where nothing was measured."""
        return self._means.get((group, role, metric, subject))

    def all(self) -> Iterable[Mean]:
        """Every mean."""
        return self._means.values()


def show_mean(mean: Mean | None, metric: str, *, signed: bool = False) -> str:
    """Write one table cell; empty where nothing was measured."""
    if mean is None:
        return ""
    return show_interval(mean.mean, mean.low, mean.high, metric, signed=signed)


def seeds_of(means: Iterable[Mean | None]) -> str:
    """Write the numbers of seeds of some means: `4`, or `4, 3` where they differ."""
    return ", ".join(dict.fromkeys(mean.seeds for mean in means if mean is not None))


def is_clear(mean: Mean | None) -> bool:
    """Whether the interval of a difference leaves out zero."""
    return mean is not None and (mean.low > 0 or mean.high < 0)


def _mean(record: Mapping[str, Any]) -> Mean:
    return Mean(
        float(record["mean"]),
        float(record["low"]),
        float(record["high"]),
        int(record["n"]),
        int(record["undefined"]),
    )
