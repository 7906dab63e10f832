"""Rows of a hub dataset. `datasets` is imported here and nowhere else, when one is read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ensemble_core.errors import InputError
from ensemble_core.models.hub import HubError, is_outage
from ensemble_core.tasks.readers import Row
from ensemble_core.tasks.source import HubSource


def hub_rows(hub: HubSource, split: str) -> Iterator[Row]:
    """The rows of one hub split (the hub's own name).

    Raises:
        InputError: The hub has no such dataset, revision, config or split.
        HubError: The hub does not answer, and the local cache does not hold the dataset.
    """
    name = f"{hub.dataset}@{hub.revision[:12]}/{split}"
    number = 0
    for batch in _load(hub, split).with_format("arrow").iter(1000):
        for data in batch.to_pylist():
            number += 1
            yield Row(data, name, number, "row")
    if not number:
        raise InputError("the split has no rows", where=name)


def _load(hub: HubSource, split: str) -> Any:
    import datasets

    if Path(hub.dataset).exists():
        # `load_dataset` would take the folder for the dataset.
        what = "a folder here has the hub dataset's name, and would be read in its place"
        raise InputError(what, where=hub.dataset, hint="rename it, or run from another folder")
    datasets.disable_progress_bars()
    try:
        # Without trust_remote_code: a repository's own code never runs.
        return datasets.load_dataset(hub.dataset, hub.config, revision=hub.revision, split=split)
    except Exception as error:  # the hub's client, its caches and readers each raise their own
        reason = " ".join(str(error).split())[:300]
        what = f"the hub dataset can't be read: {type(error).__name__}: {reason}"
        hint = "check its name, config, revision and split, or give local files and --data-root"
        kind = HubError if is_outage(error) else InputError
        raise kind(what, where=f"{hub.dataset}@{hub.revision}", hint=hint) from error
