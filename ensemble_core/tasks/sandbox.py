"""Jinja2 for templates that strangers wrote: no way out, no randomness, and an end.

Jinja's sandbox closes the way to Python's internals. It does not bound work or memory, so here a
template also has a budget: what it loops over, calls, joins and writes is charged, and constructs
whose cost can't be charged (macros, blocks, formatting, powers) are refused when it is compiled.
"""

import threading
from collections.abc import Callable, Iterable, Sized
from functools import wraps
from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

BUDGET = 2_000_000
"""Characters and items that one rendering may handle; about a second of work."""

_FILTERS = ["abs", "capitalize", "count", "default", "d", "first", "float", "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "replace", "reverse", "round", "select", "sort", "string", "sum", "title", "trim", "truncate", "unique", "upper", "wordcount"]
_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        ["capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdigit", "islower", "isnumeric", "isspace", "isupper", "join", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper"]
    ),
    dict: frozenset(("get", "items", "keys", "values")),
    list: frozenset(("count", "index")),
    tuple: frozenset(("count", "index")),
}
_ALLOWED = (
    nodes.Template | nodes.Output | nodes.TemplateData | nodes.Name | nodes.Const | nodes.Getattr
    | nodes.Getitem | nodes.Slice | nodes.Call | nodes.Keyword | nodes.Filter | nodes.Test
    | nodes.If | nodes.CondExpr | nodes.For | nodes.Assign | nodes.And | nodes.Or | nodes.Not
    | nodes.Compare | nodes.Operand | nodes.Add | nodes.Sub | nodes.Mul | nodes.Div
    | nodes.FloorDiv | nodes.Mod | nodes.Neg | nodes.Pos | nodes.Concat | nodes.List
    | nodes.Tuple | nodes.Dict | nodes.Pair
)  # fmt: skip


class _Budget(threading.local):
    left = BUDGET

    def charge(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise SecurityError("the template does not come to an end, or writes too much")

    def charge_for(self, value: Any) -> None:
        self.charge(1 + (len(value) if isinstance(value, Sized) else 0))


budget = _Budget()


class CardEnvironment(ImmutableSandboxedEnvironment):
    """The environment in which every template of a task card is compiled and rendered."""

    intercepted_binops = frozenset(("+", "*", "%"))

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_refuse_null
        )
        self.globals.clear()
        self.filters = {name: _charged(self.filters[name]) for name in _FILTERS}
        self.filters |= {"join": _join, "replace": _replace, "looped": _looped, "joined": _joined}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may read the attribute: by list, where Jinja only forbids by list."""
        if isinstance(obj, LoopContext):
            return super().is_safe_attribute(obj, attr, value)
        return attr in _METHODS.get(type(obj), ())

    def wrap_str_format(self, value: Any) -> None:
        """`str.format` stays out: a width in it can ask for any amount of memory."""
        return

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call a method, charged for what it is a method of."""
        owner, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if isinstance(owner, str) and name == "join":
            return _join(*args, d=owner)
        if isinstance(owner, str) and name == "replace":
            return _replace(owner, *args)
        budget.charge_for(owner)
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator, charged for its result before there is one."""
        if operator == "%" and not _are_numbers(left, right):
            raise SecurityError("`%` takes numbers only; write text with {{ … }}")
        if _are_numbers(left, right):
            _bound_number(left, right)
        elif operator == "*":
            _charge_repetition(left, right)
        else:
            budget.charge_for(left)
            budget.charge_for(right)
        return super().call_binop(context, operator, left, right)


def check(tree: nodes.Template) -> None:
    """Refuse what a budget can't bound.

    Raises:
        SecurityError: Names the construct and its line.
    """
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.For) and node.recursive):
            kind = type(node).__name__.lower()
            raise SecurityError(f"`{kind}` is not allowed in a task template (line {node.lineno})")


def charge_loops(node: nodes.Node, environment: CardEnvironment) -> None:
    """Rewrite loops and `~` below `node`, in place, so that they pass through the budget."""
    for name, child in list(node.iter_fields()):
        if isinstance(child, list):
            setattr(node, name, [_rewritten(item, environment) for item in child])
        else:
            setattr(node, name, _rewritten(child, environment))


def _rewritten(child: Any, environment: CardEnvironment) -> Any:
    if not isinstance(child, nodes.Node):
        return child
    charge_loops(child, environment)
    if isinstance(child, nodes.For):
        child.iter = _filter("looped", child.iter, environment)
    if isinstance(child, nodes.Concat):
        listed = nodes.List(child.nodes, lineno=child.lineno, environment=environment)
        return _filter("joined", listed, environment)
    return child


def _filter(name: str, value: nodes.Expr, environment: CardEnvironment) -> nodes.Filter:
    line = value.lineno
    return nodes.Filter(value, name, [], [], None, None, lineno=line, environment=environment)


def _charged(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)  # keeps Jinja's marks: which filters take the environment first
    def charged(*args: Any, **kwargs: Any) -> Any:
        for value in args[:2]:
            budget.charge_for(value)
        return function(*args, **kwargs)

    return charged


def _looped(value: Iterable[Any]) -> list[Any]:
    items: list[Any] = []
    for item in value:
        budget.charge(1)
        items.append(item)
    return items


def _joined(parts: list[Any]) -> str:
    return _join(parts)


def _join(value: Iterable[Any], d: str = "") -> str:
    parts: list[str] = []
    for item in value:
        parts.append(str(_refuse_null(item)))
        budget.charge(len(parts[-1]) + len(d) + 1)
    return d.join(parts)


def _replace(text: Any, old: str, new: str, count: int = -1) -> str:
    text = str(text)
    found = text.count(old)
    budget.charge(len(text) + (found if count < 0 else min(found, count)) * len(new) + 1)
    return text.replace(old, new, count)


def _refuse_null(value: Any) -> Any:
    if value is None:
        raise ValueError("a value that is null would be written as `None`")
    return value


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) for value in values)


def _bound_number(*values: int | float) -> None:
    budget.charge(1)
    if any(abs(value) > 1e100 for value in values):
        raise SecurityError("a number is too large")


def _charge_repetition(left: Any, right: Any) -> None:
    times, value = (left, right) if isinstance(left, int) else (right, left)
    if isinstance(times, int) and isinstance(value, Sized):
        budget.charge(max(times, 0) * len(value) + 1)
