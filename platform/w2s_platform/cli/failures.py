"""How a command that can't do its work says so: one message on standard error, one exit status."""

import errno
import sys
import traceback
from collections.abc import Iterable, Sequence

import click

from ensemble_core.errors import W2SError

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

_DISK_HINTS = {
    errno.ENOSPC: "free some space, or name a store on another disk with --store",
    errno.EDQUOT: "your disk quota is used up; name a store on another disk with --store",
    errno.EACCES: "check the permissions, or name another place",
    errno.EPERM: "check the permissions, or name another place",
    errno.EROFS: "this file system can't be written; name another place",
}


def report_failure(error: BaseException, *, debug: bool = False) -> int:
    """Print what went wrong and return the exit status that goes with it.

    Args:
        error: Whatever ended the command, `KeyboardInterrupt` and `SystemExit` included.
        debug: Print the traceback too.
    """
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    if isinstance(error, click.Abort) and isinstance(error.__cause__, EOFError):
        error = error.__cause__  # click takes every EOFError for a Ctrl-D at a prompt
    if isinstance(error, KeyboardInterrupt | click.Abort):
        _say(["interrupted; finished stages are kept, the same command goes on from there"])
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return _reader_is_gone()
    if debug:
        traceback.print_exception(error)
    lines, status = describe(error)
    _say(lines)
    return status


def describe(error: BaseException) -> tuple[list[str], int]:
    """Say what went wrong: the lines of the message, and the exit status."""
    problems: Sequence[object] | None = getattr(error, "problems", None)
    if isinstance(error, W2SError) and problems:
        return _problems(problems), error.exit_status
    if isinstance(error, W2SError):
        located = f"{error.where}: {error.what}" if error.where else error.what
        return _message(located, error.hint), error.exit_status
    if isinstance(error, click.UsageError):
        return _usage(error), BAD_INPUT
    if isinstance(error, click.ClickException):
        return _message(error.format_message(), None), error.exit_code
    if isinstance(error, OSError) and error.errno in _DISK_HINTS:
        place = f"{error.filename}: " if error.filename else ""
        return _message(f"{place}{error.strerror}", _DISK_HINTS[error.errno]), FAILED
    first = (str(error).strip() or "no message").splitlines()[0]
    return [f"internal error: {type(error).__name__}: {first} (run with --debug for more)"], FAILED


def _message(what: str, hint: str | None) -> list[str]:
    return [f"error: {what}", *([f"  {hint}"] if hint else [])]


def _problems(problems: Sequence[object]) -> list[str]:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return [*(str(problem) for problem in problems), f"error: {count}"]


def _usage(error: click.UsageError) -> list[str]:
    command = error.ctx.command_path if error.ctx else "w2s"
    return _message(error.format_message(), f"`{command} --help` shows how it is used")


def _say(lines: Iterable[str]) -> None:
    click.echo("\n".join(lines), err=True)


def _reader_is_gone() -> int:
    # Whoever read our output closed it (`w2s results … | head`). The interpreter would complain
    # once more when it flushes at exit, so it gets nothing to flush into.
    sys.stdout = None
    return FAILED
