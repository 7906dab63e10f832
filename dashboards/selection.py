"""What a reader has chosen to look at: the state of a page, and its form in a link."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

_FILTER = "f."


@dataclass(frozen=True)
class Selection:
    """The choices that decide what is shown. Two equal selections show the same."""

    question: str = "worked"
    """Which of the questions."""
    sweeps: tuple[str, ...] = ()
    """Several are compared."""
    metric: str = ""
    """Empty: the first that was measured, accuracies first."""
    by: tuple[str, ...] = ()
    """Columns that are kept apart instead of averaged over."""
    x: str = ""
    """The key along the horizontal axis of curves and heat maps."""
    y: str = ""
    """The key along the vertical axis of heat maps."""
    subject: str = ""
    """Whose numbers a heat map or a matrix shows."""
    cell: str = ""
    """The cell that is looked into."""
    asked: str = ""
    """The question of that cell that is looked into."""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Column → the values, as text, that are shown; all where a column is missing."""

    def to_query(self) -> str:
        """The part of a link after the `?`; the same selection always gives the same."""
        pairs: list[tuple[str, str]] = []
        for name in _PLAIN:
            if value := getattr(self, name):
                pairs.append((_SHORT.get(name, name), value))
        for name in _MANY:
            pairs += [(_SHORT.get(name, name), value) for value in getattr(self, name)]
        for column in sorted(self.where):
            pairs += [(f"{_FILTER}{column}", value) for value in self.where[column]]
        return urlencode(pairs)

    @classmethod
    def from_query(cls, query: str) -> "Selection":
        """Read what `to_query` wrote; what is unknown there is passed over."""
        found: dict[str, Any] = {}
        where: dict[str, tuple[str, ...]] = {}
        long = {short: name for name, short in _SHORT.items()}
        for key, value in parse_qsl(query.removeprefix("?"), max_num_fields=500):
            name = long.get(key, key)
            if key.startswith(_FILTER):
                column = key.removeprefix(_FILTER)
                where[column] = (*where.get(column, ()), value)
            elif name in _MANY:
                found[name] = (*found.get(name, ()), value)
            elif name in _PLAIN:
                found[name] = value
        return cls(**found, where=where)

    def but(self, **changes: Any) -> "Selection":
        """The same with other choices."""
        return replace(self, **changes)


_PLAIN = ("question", "metric", "x", "y", "subject", "cell", "asked")
_MANY = ("sweeps", "by")
_SHORT = {"question": "show", "sweeps": "sweep"}
