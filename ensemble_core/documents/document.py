"""A document: its data, and where each part of it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ensemble_core.documents.compose import Composed, Loc, Place, compose
from ensemble_core.documents.nearest import did_you_mean
from ensemble_core.documents.problems import DocumentErrors, Problem
from ensemble_core.errors import InputError

__all__ = ["Document", "Loc", "parse", "read"]


@dataclass(frozen=True)
class Document:
    """Plain data (None, bool, int, float, str, list, dict) and the places of its parts."""

    data: Any
    path: str
    """The file's name as the user gave it; it opens every problem."""
    keys: Mapping[Loc, Place] = field(repr=False)
    values: Mapping[Loc, Place] = field(repr=False)
    problems: tuple[Problem, ...] = ()
    """What is wrong with the YAML but lets reading go on, such as a duplicate key."""

    def position(self, loc: Loc, *, key: bool = False) -> Place:
        """Line and column, from 1, of what stands at `loc`, or of the nearest thing above it.

        Args:
            loc: Keys and indices from the top.
            key: The place of the key, not of its value.
        """
        if key and loc in self.keys:
            return self.keys[loc]
        for end in range(len(loc), -1, -1):
            if loc[:end] in self.values:
                return self.values[loc[:end]]
        return 1, 1

    def problem(self, loc: Loc, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """A problem at `loc`."""
        line, column = self.position(loc, key=key)
        return Problem(self.path, line, column, dotted(loc), message, hint)


def dotted(loc: Loc) -> str:
    """A location as people write it: `vary[0].grid.experts.rounds[2]`."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(path: str | Path) -> Document:
    """Read a YAML file.

    Raises:
        DocumentErrors: The file is not YAML.
        InputError: It can't be read.
    """
    file = Path(path)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(path), hint=_beside(file)) from None
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        place = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        problem = Problem(str(path), *place, "", "the file is not UTF-8 text")
        raise DocumentErrors([problem]) from None
    except OSError as error:
        reason = error.strerror or "input error"
        raise InputError(f"can't be read: {reason}", where=str(path)) from None
    return parse(text, path=str(path))


def parse(text: str, *, path: str) -> Document:
    """Read YAML text; `path` is the name under which its problems are reported.

    Raises:
        DocumentErrors: The text is not YAML.
    """
    try:
        composed = compose(text)
    except yaml.YAMLError as error:
        raise DocumentErrors([_syntax(error, text, path)]) from None
    return Document(
        composed.data, path, composed.keys, composed.values, tuple(_faults(composed, path))
    )


def _faults(composed: Composed, path: str) -> list[Problem]:
    return [
        Problem(path, *place, dotted(tuple(part for part in loc if part != -1)), message, hint)
        for loc, place, message, hint in composed.faults
    ]


def _syntax(error: yaml.YAMLError, text: str, path: str) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        parts = [part for part in (error.context, error.problem) if part]
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = "not valid YAML: " + ", ".join(parts)
    else:
        offset = getattr(error, "position", 0)
        before = text[:offset]
        place = before.count("\n") + 1, offset - before.rfind("\n")
        message = "not valid YAML: a character that is not allowed"
    hint = "indent with spaces, not with tabs" if "\\t" in message else ""
    return Problem(path, *place, "", message, hint)


def _beside(file: Path) -> str | None:
    try:
        names = [entry.name for entry in file.parent.iterdir() if entry.suffix in (".yaml", ".yml")]
    except OSError:
        return None
    return did_you_mean(file.name, names) or None
