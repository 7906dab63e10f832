"""The sweep file as it is written: what pydantic checks, and what the JSON Schema describes."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from ensemble_core.documents import LocatedError
from ensemble_core.settings import Settings
from w2s_platform.sweepfile.search import SearchSettings
from w2s_platform.sweepfile.sections import Config
from w2s_platform.sweepfile.tracking import Track, TrackSettings

_ONE_KIND = {"minProperties": 1, "maxProperties": 1}
Values = Annotated[tuple[Any, ...], Field(min_length=1)]
Axes = Annotated[dict[str, Values], Field(min_length=1)]
Case = Annotated[dict[str, Any], Field(min_length=1)]


class VaryBlock(Settings, frozen=True, json_schema_extra=_ONE_KIND):
    """Values for dotted keys. The blocks of a sweep multiply."""

    grid: Axes | None = None
    """Dotted key → values; every combination."""
    zip: Axes | None = None
    """Dotted key → values; the first of each together, the second of each together …"""
    cases: Annotated[tuple[Case, ...], Field(min_length=1)] | None = None
    """Mappings of dotted key → value; each one a point. `case: NAME` names it: tables then show the
    name instead of what it sets."""

    @model_validator(mode="before")
    @classmethod
    def _in_a_block(cls, block: Any) -> Any:
        keys = [key for key in block if "." in str(key)] if isinstance(block, Mapping) else []
        if keys:
            hint = f"such as `- grid: {{{keys[0]}: [VALUE, …]}}`"
            raise LocatedError("keys that vary stand below grid, zip or cases", hint=hint)
        return block

    @model_validator(mode="after")
    def _one_kind(self) -> "VaryBlock":
        if len(self.model_fields_set) != 1:
            hint = "start a new item of the list for each"
            raise LocatedError("name exactly one of grid, zip, cases", hint=hint)
        return self


class SweepFile(Config, frozen=True):
    """One study."""

    sweep: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][\w.-]*$")]
    """The study's name: letters, digits, `.`, `_` and `-`."""
    seeds: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Replicates of every cell: seeds 0 to n - 1."""
    vary: tuple[VaryBlock, ...] = ()
    """What is swept: a list of blocks that multiply. A value replaces what stands at its key."""
    exclude: tuple[Case, ...] = ()
    """Cells left out: those that have all of an item's values (or one of each list of values)."""
    search: SearchSettings | None = None
    """An Optuna study, instead of `vary` or on top of it."""
    track: Track = TrackSettings()
    """Where else runs are shown: `tensorboard`, `mlflow`, `wandb`, as a list or a mapping with
    settings. No part of a cell's or the sweep's identity."""

    @field_validator("vary", mode="before")
    @classmethod
    def _listed(cls, vary: Any) -> Any:
        if isinstance(vary, Mapping):
            hint = "such as `- grid: {experts.rounds: [1, 2]}`"
            raise LocatedError("expected a list of blocks, not a mapping", hint=hint)
        return vary
