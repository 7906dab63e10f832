"""The mark of a store: states the version of its layout."""

import json
from typing import Any

from ensemble_core.errors import InputError
from w2s_platform.store import names, records
from w2s_platform.store.backend import Backend
from w2s_platform.store.records import DamagedRecordError

FORMAT = 1


def check_marker(backend: Backend) -> None:
    """Refuse a store with a layout that this code doesn't know.

    Raises:
        InputError: A newer version of the project made it, or its mark can't be read.
    """
    blob = backend.get(names.MARKER)
    if blob is None:
        return
    try:
        mark: Any = json.loads(blob.data)
        records.check_version(mark.get("format"), FORMAT, backend.url)
    except (ValueError, AttributeError, DamagedRecordError) as error:
        raise InputError(
            "the store's mark can't be read",
            where=str(backend.local_path(names.MARKER)),
            hint=f'if this is a store, write {{"format": {FORMAT}}} into that file',
        ) from error


def write_marker(backend: Backend) -> None:
    """Make the place a store, if it isn't one yet, and see that it can be written."""
    backend.check_writable()
    if backend.get(names.MARKER) is None:
        backend.put_new(names.MARKER, json.dumps({"format": FORMAT}).encode())
    check_marker(backend)
