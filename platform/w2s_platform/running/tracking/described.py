"""What trackers are told of one trial: a name, its settings, and how it ended."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from w2s_platform.results.values import show_value
from w2s_platform.running.policy import HELD
from w2s_platform.running.searching import FAILED, OBJECTIVE, UNDEFINED

LONGEST_VALUE, LONGEST_NAME = 40, 120
"""Characters; both are for people, the full values are among the settings."""
CUT_SHORT = "the run ended before it"
"""Why a trial stopped that nobody stopped."""


@dataclass(frozen=True)
class Described:
    """One trial: a cell, or a configuration of a search."""

    sweep: str
    label: str
    """What tells it from the sweep's others, such as `rounds=4 seed=0`."""
    settings: Mapping[str, Any]
    """Name → scalar."""

    @property
    def name(self) -> str:
        """The run's name."""
        return f"{self.sweep} {self.label}"


@dataclass(frozen=True)
class Ending:
    """How a trial ended."""

    status: Literal["finished", "stopped", "failed"]
    reason: str = ""
    """What went wrong, or who stopped it."""


@dataclass(eq=False)
class TrackedRun:
    """One run of one tracker: what Ray's loggers look at in one of Tune's trials."""

    trial_id: str
    name: str
    config: dict[str, Any]
    local_path: str
    """A folder that is there."""
    experiment_dir_name: str
    """The group that the run belongs to."""

    @property
    def evaluated_params(self) -> dict[str, Any]:
        """See `config`."""
        return self.config

    def init_local_path(self) -> None:
        """Do nothing: the folder is there."""

    def __str__(self) -> str:
        return self.name


def label_of(varied: Mapping[str, Any], seed: int | None = None) -> str:
    """Values that vary, by the last part of their keys where that is clear, and the seed."""
    last = Counter(key.rpartition(".")[2] for key in varied)
    shown = " ".join(f"{_short(key, last)}={_brief(value)}" for key, value in varied.items())
    end = "" if seed is None else f" seed={seed}"
    return (shown[: LONGEST_NAME - len(end)] + end).strip()


def scalars(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as every tracker takes them."""
    return {key: scalar(value) for key, value in values.items()}


def scalar(value: Any) -> Any:
    """Mappings, lists and null as JSON text."""
    return json.dumps(value) if isinstance(value, Mapping | list | tuple | None) else value


def ending_of(result: Mapping[str, Any]) -> Ending:
    """How a trial ended, by the last that it reported."""
    if not result:
        return Ending("stopped", CUT_SHORT)
    if HELD in result:
        return Ending("stopped", str(result[HELD]))
    if result.get("status") in ("to_run", "running"):
        return Ending("stopped", str(result.get(FAILED) or CUT_SHORT))
    if result.get(FAILED):
        return Ending("failed", str(result[FAILED]))
    if "status" not in result and not result.get("finished"):
        return Ending("stopped", "the search's scheduler stopped it")
    if "status" not in result and OBJECTIVE not in result:
        return Ending("failed", UNDEFINED)
    return Ending("finished")


def own_folder(root: Path, name: str) -> Path:
    """Make a folder that no other run has, called after the run."""
    safe = re.sub(r"[^\w.,=+-]+", "_", name)
    folder, number = root / safe, 1
    while True:
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1
            folder = root / f"{safe}-{number}"


def metric_name(parts: Iterable[str]) -> str:
    """A metric's name in characters that every tracker takes."""
    return "/".join(re.sub(r"[^A-Za-z0-9_.-]+", "_", part) for part in parts)


def _brief(value: Any) -> str:
    return show_value(scalar(value))[:LONGEST_VALUE]


def _short(key: str, last: Mapping[str, int]) -> str:
    end = key.rpartition(".")[2]
    return end if last[end] == 1 else key
