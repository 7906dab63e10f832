"""JSON records with a format version and a checksum of their own."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ensemble_core.errors import InputError
from w2s_platform.stage import canonical_json


class Record(BaseModel):
    """Base of what the store writes: immutable; fields that a later version adds are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


AnyRecord = TypeVar("AnyRecord", bound=Record)


class DamagedRecordError(Exception):
    """A record can't be trusted; the message says why, in plain words."""


def dump(record: Record, version: int) -> bytes:
    """The record as JSON, with the format's version and the checksum of the rest."""
    body: dict[str, Any] = {"format": version, **record.model_dump(mode="json")}
    return json.dumps({**body, "digest": _digest(body)}, indent=1, ensure_ascii=False).encode()


def parse(kind: type[AnyRecord], data: bytes, version: int, where: str) -> AnyRecord:
    """Read a record that `dump` wrote.

    Raises:
        DamagedRecordError: It is cut off, changed, or not such a record.
        InputError: A newer version of the project wrote it.
    """
    body = _load(data)
    check_version(body.get("format"), version, where)
    digest = body.pop("digest", None)
    if digest != _digest(body):
        raise DamagedRecordError("its checksum does not fit its text")
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise DamagedRecordError(f"it lacks or misstates {_fields(error)}") from error


def check_version(found: object, supported: int, where: str) -> None:
    """Refuse what a newer version of the project wrote.

    Raises:
        InputError: `found` is above `supported`.
        DamagedRecordError: `found` is no version.
    """
    if not isinstance(found, int):
        raise DamagedRecordError("it states no format version")
    if found > supported:
        raise InputError(
            f"written in format {found} by a newer version; this one reads up to {supported}",
            where=where,
            hint="update w2s-platform, or name another store with --store or W2S_STORE; "
            "nothing was changed",
        )


def utc_now() -> str:
    """The time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _load(data: bytes) -> dict[str, Any]:
    try:
        body: Any = json.loads(data)
    except ValueError as error:
        raise DamagedRecordError("it is cut off or is not JSON") from error
    if not isinstance(body, dict):
        raise DamagedRecordError("it is not a JSON object")
    return body


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(body).encode()).hexdigest()


def _fields(error: ValidationError) -> str:
    return ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
