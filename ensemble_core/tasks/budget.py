"""What one rendering of a template may cost, and the operations that are charged for it."""

import threading
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import SecurityError

BUDGET = 1_000_000
"""Characters and items that one rendering may handle; less than a second of work."""

SIZED = (str, list, tuple, dict)


class Budget(threading.local):
    """What is left of the rendering that runs in this thread."""

    left = BUDGET

    def charge(self, amount: int) -> None:
        """Take an amount off.

        Raises:
            SecurityError: Nothing is left.
        """
        self.left -= amount
        if self.left < 0:
            raise SecurityError("the template does not come to an end, or writes too much")

    def charge_for(self, value: Any) -> None:
        """Take off what handling a value once costs."""
        self.charge(1 + (len(value) if isinstance(value, SIZED) else 0))


budget = Budget()


def charged(function: Callable[..., Any]) -> Callable[..., Any]:
    """A Jinja filter, charged for what it is given."""

    @wraps(function)  # keeps Jinja's marks: which filters take the environment first
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        for value in args[:2]:
            budget.charge_for(value)
        return function(*args, **kwargs)

    return wrapper


def looped(value: Iterable[Any]) -> list[Any]:
    """What a loop runs over, charged by the item."""
    items: list[Any] = []
    for item in value:
        budget.charge(1)
        items.append(item)
    return items


def weighed(value: Any) -> Any:
    """The value, charged for all that it holds: lists of lists of the same list grow fastest."""
    budget.charge_for(value)
    if isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            weighed(item)
    return value


def join(value: Iterable[Any], d: str = "") -> str:
    """The filter and method `join`, charged before the text is made."""
    parts: list[str] = []
    for item in value:
        parts.append(string(item))
        budget.charge(len(parts[-1]) + len(d) + 1)
    return d.join(parts)


def replace(text: Any, old: str, new: str, count: int = -1) -> str:
    """The filter and method `replace`, charged before the text is made."""
    text = string(text)
    found = text.count(old)
    budget.charge(len(text) + (found if count < 0 else min(found, count)) * len(new) + 1)
    return text.replace(old, new, count)


def string(value: Any) -> str:
    """The filter `string`; see `writable`."""
    return str(writable(value))


def writable(value: Any) -> Any:
    """What a template writes: text and numbers.

    Raises:
        SecurityError: It is null, a list or something else, whose text would be Python's own.
    """
    if value is None:
        raise SecurityError("a value is null, and would be written as `None`")
    if isinstance(value, SIZED[1:]):
        raise SecurityError("a list would be written with its brackets; use `join` or a loop")
    if not isinstance(value, (str, int, float, Undefined)):  # Undefined explains itself
        raise SecurityError("only text and numbers can be written")
    return value


def charge_operator(operator: str, left: Any, right: Any) -> None:
    """Take off what `+`, `*` or `%` costs, before it is done.

    Raises:
        SecurityError: The result would be too large, or `%` would format text.
    """
    if _is_number(left) and _is_number(right):
        budget.charge(1)
        if abs(left) > 1e100 or abs(right) > 1e100:
            raise SecurityError("a number is too large")
    elif operator == "%":
        raise SecurityError("`%` takes numbers only; write text with {{ … }}")
    elif operator == "*":
        times, value = (left, right) if isinstance(left, int) else (right, left)
        repeats = max(times, 0) if isinstance(times, int) else 1
        budget.charge(repeats * (len(value) if isinstance(value, SIZED) else 1) + 1)
    else:
        budget.charge_for(left)
        budget.charge_for(right)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))
