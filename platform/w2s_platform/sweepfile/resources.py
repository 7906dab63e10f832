"""`resources:`, how much of the machine a sweep may use. None of it changes a result."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from ensemble_core.documents import LocatedError
from ensemble_core.settings import Settings

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(value: Any) -> Any:
    """A duration in seconds: a number, or text such as `90s`, `30m`, `8h`, `2d`.

    Raises:
        LocatedError: The text is no duration.
    """
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if found is None:
        raise LocatedError(f"`{value}` is no duration", hint="such as 90s, 30m, 8h or 2d")
    return float(found[1]) * _SECONDS[found[2]]


Duration = Annotated[
    float, BeforeValidator(seconds, json_schema_input_type=float | str), Field(gt=0)
]


class StageResources(Settings, frozen=True):
    """What one training stage takes."""

    workers: Annotated[int, Field(ge=1)] = 1
    """Processes that share one training; the global batch stays the same."""
    gpus_per_worker: Annotated[float, Field(ge=0)] = 0.0
    """GPUs of one worker; a fraction lets stages share one."""
    cpus_per_worker: Annotated[float, Field(gt=0)] = 1.0
    """CPU cores of one worker."""

    @model_validator(mode="after")
    def _whole_gpus(self) -> "StageResources":
        if self.gpus_per_worker > 1 and self.gpus_per_worker % 1:
            raise LocatedError("above one, GPUs come whole", ("gpus_per_worker",))
        return self


class ResourceSettings(Settings, frozen=True):
    """Workers, concurrency and budgets."""

    experts: StageResources = StageResources()
    """Boosting rounds and bags."""
    students: StageResources = StageResources()
    """Students and ceilings."""
    concurrency: Annotated[int, Field(ge=1)] | None = None
    """Cells at work at once; default: what the machine holds."""
    time_budget: Duration | None = None
    """Wall time of one run, after which no stage is started: seconds, or `30m`, `8h`."""
    device_hours: Annotated[float, Field(gt=0)] | None = None
    """Device hours of one run, after which no stage is started."""
    retries: Annotated[int, Field(ge=0)] = 3
    """Attempts that a stage gets after its machine, not its settings, failed it."""
