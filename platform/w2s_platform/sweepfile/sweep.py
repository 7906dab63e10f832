"""A sweep that was read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ensemble_core.documents import Document
from w2s_platform.stage import Json, canonical_json
from w2s_platform.sweepfile.axes import Row
from w2s_platform.sweepfile.points import Point, short_hash
from w2s_platform.sweepfile.resources import ResourceSettings
from w2s_platform.sweepfile.search import SearchSettings
from w2s_platform.sweepfile.sections import Config
from w2s_platform.sweepfile.tracking import TrackSettings


@dataclass(frozen=True)
class CellSpec:
    """One point of a sweep with one seed."""

    id: str
    """Twelve hex digits of the content: resolved settings and seed; blind to the sweep's name."""
    seed: int
    trial: str
    """The id of the configuration, which the cell's replicates share."""
    varied: Mapping[str, Json]
    """Dotted key → value as the file has it, for the keys that vary."""
    config: Config
    row: Row = field(default_factory=dict[str, Any], repr=False, compare=False)
    """The varied values with their places in the document."""


@dataclass(frozen=True)
class Sweep:
    """One study: every point of it is valid."""

    sweep: str
    """Its name."""
    seeds: int
    """Replicates of every point: seeds 0 to n - 1."""
    points: tuple[Point, ...]
    """What `vary` spans, in the order of the file, without what is excluded."""
    search: SearchSettings | None
    resources: ResourceSettings
    track: TrackSettings
    base: Mapping[str, Any] = field(repr=False)
    """The sections that decide a cell, as the file has them, before anything varies."""
    document: Document = field(repr=False)

    @property
    def path(self) -> str:
        """The file, as the user named it."""
        return self.document.path

    @property
    def varied(self) -> tuple[str, ...]:
        """The dotted keys that `vary` or `search` change."""
        keys = [key for point in self.points for key in point.varied]
        return tuple(dict.fromkeys([*keys, *(self.search.space if self.search else ())]))

    @cached_property
    def key(self) -> str:
        """Twelve hex digits of the content, blind to comments, the order of keys, and `track:`."""
        content = {name: value for name, value in self.document.data.items() if name != "track"}
        return short_hash(canonical_json(content))
