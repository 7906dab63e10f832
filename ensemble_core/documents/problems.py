"""Problems in a document, and the errors that carry them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ensemble_core.errors import InputError


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong with a document, at its place."""

    file: str
    line: int
    """Counted from 1."""
    column: int
    """Counted from 1."""
    key: str
    """The key's path, such as `experts.training.epochs`; empty for the document itself."""
    message: str
    hint: str = ""
    """What is allowed, and the nearest name."""

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {key}{self.message}{hint}"


class DocumentErrors(InputError):  # noqa: N818 - it carries several
    """Everything wrong with a document, in the order in which it stands there."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems,)


class LocatedError(ValueError):
    """Raised in a model's validator: the problem stands at `loc`, counted from that model.

    Args:
        message: What is wrong.
        loc: Keys and indices below the model, such as `("count",)`.
        hint: What is allowed.
    """

    def __init__(self, message: str, loc: Sequence[str | int] = (), hint: str = "") -> None:
        super().__init__(message)
        self.message, self.loc, self.hint = message, tuple(loc), hint
