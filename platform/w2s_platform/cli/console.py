"""Where tables go: standard output, as wide as the terminal, plain where it is not one."""

import io
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from w2s_platform.cli.render.layout import Layout

WIDTH_WITHOUT_TERMINAL = 120


def show(layouts: "Iterable[Layout]", lines: Iterable[str] = ()) -> None:
    """Print tables, a blank line after each, then lines, on standard output."""
    from rich.console import Console

    unknown = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    _draw(Console(width=WIDTH_WITHOUT_TERMINAL if unknown else None), layouts, lines)


def text_of(
    layouts: "Iterable[Layout]", lines: Iterable[str] = (), *, width: int = WIDTH_WITHOUT_TERMINAL
) -> str:
    """Return what `show` prints where there is no terminal."""
    from rich.console import Console

    buffer = io.StringIO()
    _draw(Console(file=buffer, width=width), layouts, lines)
    return buffer.getvalue()


def _draw(console: "Console", layouts: "Iterable[Layout]", lines: Iterable[str]) -> None:
    from w2s_platform.cli.render.layout import to_rich

    for layout in layouts:
        console.print(to_rich(layout, console.width))
        console.print()
    for line in lines:
        console.print(line, markup=False, highlight=False)
