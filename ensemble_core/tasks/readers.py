"""Rows of local files, each with the place where it stands."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ensemble_core.errors import InputError


@dataclass(frozen=True, slots=True)
class Row:
    """A row's data, and where it comes from."""

    data: dict[str, Any]
    file: str
    line: int
    unit: str = ""
    """What `line` counts, where that is not the lines of a text file: `row`, `item`."""

    @property
    def where(self) -> str:
        """The row's place: `file:line`, or `file: row 3`."""
        return f"{self.file}: {self.unit} {self.line}" if self.unit else f"{self.file}:{self.line}"


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, by its suffix: .jsonl, .ndjson, .json, .csv, .tsv or .parquet.

    Raises:
        InputError: The file can't be read, is malformed or has no rows; it names file and line.
    """
    found = False
    try:
        for row in _READERS[path.suffix.lower()](path):
            found = True
            yield row
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        _not_text(path)
    if not found:
        raise InputError("the file has no rows", where=str(path), hint="it must hold questions")


def _jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                where = f"{path}:{number}"
                yield Row(_object(_parsed(line, where), where), str(path), number)


def _json(path: Path) -> Iterator[Row]:
    items = _parsed(path.read_text(encoding="utf-8-sig"), str(path), lines=True)
    if not isinstance(items, list):
        hint = "a .json file holds a list of objects; one object per line makes a .jsonl file"
        raise InputError("the file does not hold a list", where=str(path), hint=hint)
    for number, item in enumerate(items, 1):
        yield Row(_object(item, f"{path}: item {number}"), str(path), number, "item")


def _csv(path: Path, delimiter: str = ",") -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter, strict=True)
        line = 1
        try:
            line = _after_header(reader, path)
            for data in reader:
                _check_width(data, f"{path}:{line}", len(reader.fieldnames or ()))
                yield Row(data, str(path), line)
                line = reader.line_num + 1
        except csv.Error as error:
            where = f"{path}:{line}"  # where the record begins; an open quote runs to the end
            raise InputError(f"the line is not valid CSV: {error}", where=where) from None


def _tsv(path: Path) -> Iterator[Row]:
    return _csv(path, "\t")


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for data in batch.to_pylist():
                    number += 1
                    yield Row(data, str(path), number, "row")
    except pa.ArrowException as error:
        what = f"the file is not valid Parquet: {str(error).splitlines()[0]}"
        raise InputError(what, where=str(path)) from None


_READERS: dict[str, Callable[[Path], Iterable[Row]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
}


def _parsed(text: str, where: str, *, lines: bool = False) -> Any:
    """JSON text as data; `lines`: it has several, so that an error names its own."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        place = f"{where}:{error.lineno}:{error.colno}" if lines else f"{where}:{error.colno}"
        raise InputError(f"this is not valid JSON: {error.msg}", where=place) from None
    except RecursionError:
        raise InputError("the JSON is nested too deep", where=where) from None
    except ValueError as error:
        raise InputError(f"this is not valid JSON: {error}", where=where) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        hint = "each row is an object: {…}"
        raise InputError("the row is not a JSON object", where=where, hint=hint)
    return value


def _after_header(reader: "csv.DictReader[str]", path: Path) -> int:
    names = reader.fieldnames or ()
    twice = [name for name in names if list(names).count(name) > 1]
    if twice:
        raise InputError(f"the column `{twice[0]}` stands twice", where=f"{path}:1")
    return reader.line_num + 1


def _check_width(data: dict[Any, Any], where: str, width: int) -> None:
    if None in data:
        found = width + len(data[None])
        raise InputError(f"the row has {found} cells, and the header {width}", where=where)
    if None in data.values():
        found = sum(value is not None for value in data.values())
        raise InputError(f"the row has {found} cells, and the header {width}", where=where)


def _not_text(path: Path) -> NoReturn:
    """Name the line, which a buffered reader can't."""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            line.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InputError("the line is not UTF-8 text", where=f"{path}:{number}") from None
    raise InputError("the file is not UTF-8 text", where=str(path))
