"""Rows that hold a list of texts: each becomes several, of a passage to read and one to write."""

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from ensemble_core.settings import Settings
from ensemble_core.tasks import lookup
from ensemble_core.tasks.readers import Row


class Passages(Settings, frozen=True):
    """How a list of texts, such as a story's sections, makes several questions.

    Each run of `read` + `write` texts becomes a row: the fields of the whole one, and
    `passage.read`, `passage.written` and `passage.number` (from 1). No text stands in two runs.
    """

    field: Annotated[str, Field(min_length=1)]
    """The list of texts."""
    read: Annotated[int, Field(ge=1)] = 1
    """Texts that are joined into `passage.read`."""
    write: Annotated[int, Field(ge=1)] = 1
    """Texts that follow them, joined into `passage.written`."""
    least: Annotated[int, Field(ge=1)] = 1
    """With how few of the texts to write the last run of a list still counts."""
    separator: str = "\n\n"
    """What stands between two texts."""

    def rows(self, whole: Iterable[Row]) -> Iterator[Row]:
        """The rows of the passages, in order.

        Raises:
            InputError: The field is missing, is no list, or holds something else than texts.
        """
        for row in whole:
            texts = lookup.texts(row, self.field)
            size = self.read + self.write
            starts = range(0, len(texts) - self.read - min(self.least, self.write) + 1, size)
            for number, start in enumerate(starts, 1):
                middle = start + self.read
                passage = {
                    "read": self.separator.join(texts[start:middle]),
                    "written": self.separator.join(texts[middle : start + size]),
                    "number": number,
                }
                yield Row(row.data | {"passage": passage}, row.file, row.line, row.unit)
