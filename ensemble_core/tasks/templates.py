"""A task card's template: compiled once, rendered for every row."""

from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import meta

from ensemble_core.tasks.budget import BUDGET, budget
from ensemble_core.tasks.sandbox import CardEnvironment, charge_work, check

_environment = CardEnvironment()


class BadTemplateError(ValueError):
    """A template that can't be compiled, or not be rendered with these values."""


class Template:
    """Sandboxed Jinja2: undefined names, nulls and unsafe or endless work are errors.

    Args:
        source: The template's text. One newline at its end is dropped, as Jinja does.

    Raises:
        BadTemplateError: The template is not valid, or uses what the sandbox refuses.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        try:
            tree = _environment.parse(source)
            check(tree)
            self.names = frozenset(meta.find_undeclared_variables(tree))
            """The variables that it reads."""
            charge_work(tree, _environment)
            code = _environment.compile(tree, "template")
        except jinja2.TemplateSyntaxError as error:
            raise BadTemplateError(f"{error.message} (line {error.lineno})") from None
        except Exception as error:  # constants are folded here, and fold into any error
            raise BadTemplateError(_reason(error)) from None
        self._template = jinja2.Template.from_code(_environment, code, {})

    def render(self, values: dict[str, Any]) -> str:
        """The text for one row.

        Raises:
            BadTemplateError: Whatever goes wrong in the template, in one sentence.
        """
        budget.left = BUDGET
        chunks: list[str] = []
        try:
            for chunk in self._template.generate(values):
                budget.charge(len(chunk))
                chunks.append(chunk)
        except Exception as error:  # an expression of the card's may raise anything
            raise BadTemplateError(_reason(error)) from None
        return "".join(chunks)


@lru_cache(maxsize=256)
def compiled(source: str) -> Template:
    """The template of a text, compiled once per process.

    Raises:
        BadTemplateError: See `Template`.
    """
    return Template(source)


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {text}"
