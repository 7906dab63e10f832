"""From a store to the file of a report."""

from pathlib import Path

from dashboards.data.library import Library
from dashboards.data.reader import SweepData
from dashboards.data.scope import scope_of
from dashboards.data.stored import Stored
from dashboards.questions.catalogue import QUESTIONS, answer
from dashboards.report.page import html_page
from dashboards.selection import Selection
from ensemble_core.errors import InputError


def write_report(store: str | None, sweep: str, folder: Path) -> Path:
    """Write the report of one sweep; where it lies.

    Raises:
        InputError: The store has no such sweep, nothing of it has finished, or the file can't be
            written.
        StoreError: The store's device fails.
    """
    library = Library(store)
    data = library.look([sweep])[0]
    if data.frame.empty:
        hint = "`w2s status FILE` shows how far it is"
        raise InputError("no measurement has finished yet", where=sweep, hint=hint)
    path = folder / f"{sweep}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(report_of(data, library.stored), encoding="utf-8")
    except OSError as error:
        raise InputError(f"can't be written: {error.strerror}", where=str(path)) from error
    return path


def report_of(data: SweepData, stored: Stored) -> str:
    """The report of what was read, as HTML."""
    answers = [
        (name, question, answer(name, scope_of([data], Selection(name, (data.sweep,))), stored))
        for name, question in QUESTIONS.items()
    ]
    return html_page(data.sweep, data.stamp, answers)
