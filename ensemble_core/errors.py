"""Errors that a user can mend: each says where, what, and what to do."""


class W2SError(Exception):
    """A problem with one plain message; shown without a traceback.

    Args:
        what: The problem, in one sentence.
        where: The place: a file with line and column, a key, a model, a question.
        hint: What to do about it.
    """

    exit_status = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what, where, hint)  # all three, so that the error survives pickling
        self.what, self.where, self.hint = what, where, hint

    def __reduce__(self) -> "tuple[object, ...]":
        return _rebuild, (type(self), self.what, self.where, self.hint)

    def __str__(self) -> str:
        located = f"{self.where}: {self.what}" if self.where else self.what
        return f"{located} ({self.hint})" if self.hint else located


class InputError(W2SError):
    """What the user gave is wrong: a sweep file, a task card, a data file, an option."""

    exit_status = 2


class StageError(W2SError):
    """A stage can't be done with these settings and data; running it again would fail again."""


class DivergedError(StageError):
    """Training reached a loss that is not finite."""


class CancelledError(W2SError):
    """Work was stopped on request, or because its lease was lost; nothing was published."""


def _rebuild(kind: type[W2SError], what: str, where: str | None, hint: str | None) -> W2SError:
    return kind(what, where=where, hint=hint)
