"""Where tables go: standard output, as wide as the terminal, plain where it is not one."""

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from w2s_platform.cli.render.layout import Layout

WIDTH_WITHOUT_TERMINAL = 120


def make_console() -> "Console":
    """Return a console on standard output; one that is no terminal gets no colours."""
    from rich.console import Console

    unknown = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=WIDTH_WITHOUT_TERMINAL if unknown else None, highlight=False)


def show(layouts: "Iterable[Layout]", after: "Iterable[RenderableType]" = ()) -> None:
    """Print tables, a blank line after each, then more."""
    from w2s_platform.cli.render.layout import to_rich

    console = make_console()
    for layout in layouts:
        console.print(to_rich(layout))
        console.print()
    for renderable in after:
        console.print(renderable)
