"""A table as plain text cells, apart from how it is drawn: in a terminal, or in a paper."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "± ": r"$\pm$ ",
    "±": r"$\pm$ ",
    "−": r"$-$",
    "–": "--",
    "≤": r"$\leq$",
}


_GAP = 2
"""Spaces between columns."""


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    cells: tuple[str, ...]
    section: int = 0
    """A rule is drawn where it changes."""
    style: str = ""
    """A rich style for the whole line; only terminals show it."""


@dataclass(frozen=True)
class Layout:
    """A table: headings, rows, and the words around them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    labels: int = 1
    """The first columns, which name the row: left-aligned; the others are numbers."""
    notes: tuple[str, ...] = ()
    """How to read the numbers: lines below the table, and part of a caption."""
    origin: tuple[str, ...] = ()
    """Where the numbers lie: below the notes, and comments in LaTeX, as a paper prints no paths."""


def to_rich(layout: Layout, width: int) -> "Group":
    """Draw for a terminal of so many columns.

    Where the table is too wide, headings take two lines; where that does not do, intervals stand
    below their means, and then the label columns fold.
    """
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    fitting = next(
        (
            form
            for form in (layout, _with_stacked_headings(layout))
            if _natural_width(form) <= width
        ),
        _with_stacked_intervals(layout),
    )
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        collapse_padding=True,
        pad_edge=False,
        header_style="bold",
    )
    for index, column in enumerate(fitting.columns):
        if index < layout.labels:
            table.add_column(Text(column), overflow="fold")
        else:
            table.add_column(Text(column), justify="right", no_wrap=True)
    for section in _sections(fitting.rows):
        for row in section:
            cells = [Text(cell) for cell in row.cells]
            table.add_row(*cells, style=row.style, end_section=row is section[-1])
    notes = (Text(note, style="dim") for note in (*layout.notes, *layout.origin))
    return Group(Text(layout.title, style="bold"), table, *notes)


def _natural_width(layout: Layout) -> int:
    lines = [layout.columns, *(row.cells for row in layout.rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    return sum(widths) + _GAP * (len(widths) - 1)


def _width(cell: str) -> int:
    return max((len(line) for line in cell.split("\n")), default=0)


def _with_stacked_headings(layout: Layout) -> Layout:
    headings = (name.replace(" − ", "\n− ").replace(", ", ",\n") for name in layout.columns)
    return replace(layout, columns=tuple(headings))


def _with_stacked_intervals(layout: Layout) -> Layout:
    stacked = _with_stacked_headings(layout)
    rows = (
        replace(row, cells=tuple(cell.replace(" ±", "\n±") for cell in row.cells))
        for row in stacked.rows
    )
    return replace(stacked, rows=tuple(rows))


def to_latex(layouts: Iterable[Layout]) -> str:
    """Draw for a paper: one `booktabs` table per layout."""
    return "\n\n".join(_latex_table(layout) for layout in layouts) + "\n"


def _latex_table(layout: Layout) -> str:
    spec = "l" * layout.labels + "r" * (len(layout.columns) - layout.labels)
    body = "\n\\midrule\n".join(
        "\n".join(_latex_line(row.cells) for row in section) for section in _sections(layout.rows)
    )
    caption = ". ".join(part.rstrip(".") for part in (layout.title, *layout.notes)) + "."
    return "\n".join(
        (
            *(f"% {line}" for note in layout.origin for line in note.splitlines()),
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(caption)}}}",
            rf"\begin{{tabular}}{{{spec}}}",
            r"\toprule",
            _latex_line(layout.columns),
            r"\midrule",
            body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        )
    )


def escape_latex(text: str) -> str:
    """Write `text` so that LaTeX prints it as it stands."""
    return re.sub("|".join(map(re.escape, _LATEX)), lambda match: _LATEX[match[0]], text)


def _latex_line(cells: Sequence[str]) -> str:
    return " & ".join(escape_latex(cell) for cell in cells) + r" \\"


def _sections(rows: Sequence[Row]) -> list[list[Row]]:
    return [list(section) for _, section in groupby(rows, key=lambda row: row.section)]
