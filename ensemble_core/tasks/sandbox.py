"""Jinja2 for templates that strangers wrote: no way out, no randomness, and an end.

Jinja's sandbox closes the way to Python's internals. It does not bound work or memory, so here a
template also has a budget: what it loops over, calls, joins and writes is charged, and constructs
whose cost can't be charged (macros, blocks, formatting, powers) are refused when it is compiled.
"""

from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ensemble_core.tasks import budget as charges
from ensemble_core.tasks.budget import budget

_FILTERS = """
    abs capitalize count d default first float int items last length list lower map max min reject
    reverse round select sort sum title trim truncate unique upper wordcount
""".split()  # noqa: SIM905 - a list would take a line per name
_TEXT_METHODS = """
    capitalize casefold count endswith find index isalnum isalpha isdigit islower isnumeric isspace
    isupper join lower lstrip partition removeprefix removesuffix replace rfind rindex rpartition
    rsplit rstrip split splitlines startswith strip swapcase title upper
""".split()  # noqa: SIM905
_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(_TEXT_METHODS),
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


class CardEnvironment(ImmutableSandboxedEnvironment):
    """The environment in which every template of a task card is compiled and rendered."""

    intercepted_binops = frozenset(("+", "*", "%"))

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=charges.writable,
        )
        self.globals.clear()
        own = {name: getattr(charges, name) for name in ("join", "replace", "string")}
        rewritten = {"looped": charges.looped, "joined": charges.join, "weighed": charges.weighed}
        self.filters = {name: charges.charged(self.filters[name]) for name in _FILTERS}
        self.filters |= own | rewritten

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
            return charges.join(*args, d=owner)
        if isinstance(owner, str) and name == "replace":
            return charges.replace(owner, *args)
        budget.charge_for(owner)
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator, charged for its result before there is one."""
        charges.charge_operator(operator, left, right)
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


def charge_work(node: nodes.Node, environment: CardEnvironment) -> None:
    """Rewrite loops, `~` and literal lists below `node`, in place, to pass through the budget."""
    for name, child in list(node.iter_fields()):
        if isinstance(child, list):
            setattr(node, name, [_rewritten(item, environment) for item in child])
        else:
            setattr(node, name, _rewritten(child, environment))


def _rewritten(child: Any, environment: CardEnvironment) -> Any:
    if not isinstance(child, nodes.Node):
        return child
    charge_work(child, environment)
    if isinstance(child, nodes.For):
        child.iter = _filter("looped", child.iter, environment)
    if isinstance(child, nodes.Concat):
        listed = nodes.List(child.nodes, lineno=child.lineno, environment=environment)
        return _filter("joined", listed, environment)
    if isinstance(child, (nodes.List, nodes.Dict)) or _is_value(child):
        return _filter("weighed", child, environment)
    return child


def _is_value(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Tuple) and node.ctx == "load"


def _filter(name: str, value: Any, environment: CardEnvironment) -> nodes.Filter:
    line = value.lineno
    return nodes.Filter(value, name, [], [], None, None, lineno=line, environment=environment)
