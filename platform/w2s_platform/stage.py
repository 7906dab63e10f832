"""A stage: one step of a cell's pipeline, identified by everything that decides its output."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Kind = Literal[
    "data", "noise", "pretrain", "difficulty", "round", "bag", "long", "ensemble", "gate",
    "labels", "student", "ceiling", "evaluate", "prefixes",
]  # fmt: skip
StageStatus = Literal["to_run", "running", "done", "failed", "cached"]


def canonical_json(value: Any) -> str:
    """The one text of a JSON value: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: The value holds a number that is not finite.
    """
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
)  # made once: a plan encodes tens of thousands of stages


@dataclass(frozen=True)
class Stage:
    """One node of the graph.

    `kind`, `version`, `settings` and `inputs` decide the key. `hints` do not: they hold what a
    worker needs to find its material (paths), and `label` is for people.
    """

    kind: Kind
    settings: Mapping[str, Any]
    """Resolved settings, JSON values only, defaults filled in."""
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    """Input name → key of the stage that makes it."""
    version: int = 1
    """Raised when the stage's code changes its output."""
    hints: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)
    label: str = field(default="", compare=False)

    @property
    def preimage(self) -> dict[str, Any]:
        """What the key is the hash of; stored in the manifest for `w2s explain`."""
        return {
            "kind": self.kind,
            "version": self.version,
            "settings": dict(self.settings),
            "inputs": dict(self.inputs),
        }

    @cached_property
    def key(self) -> str:
        """SHA-256 (64 hex digits) of the canonical JSON of the preimage."""
        return hashlib.sha256(canonical_json(self.preimage).encode()).hexdigest()
