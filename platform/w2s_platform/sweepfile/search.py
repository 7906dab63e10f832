"""`search:`, an Optuna study over dotted keys."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ensemble_core.documents import LocatedError, did_you_mean
from ensemble_core.documents.validate import thawed
from ensemble_core.settings import Settings
from w2s_platform.subject import EXPERT, GENERATION, SUBJECTS
from w2s_platform.sweepfile.sections import Metric

_LOWER_IS_BETTER = ("nll", "ece", "repetition", "coherence")

Value = Annotated[Any, AfterValidator(thawed)]
"""A JSON value, as the file has it."""
When = dict[str, Value]


class FloatDimension(Settings, frozen=True):
    """A number between two bounds."""

    type: Literal["float"]
    """`float`, `int` or `categorical`."""
    low: float
    """Least value, included."""
    high: float
    """Greatest value, included."""
    log: bool = False
    """Draw on a logarithmic scale."""
    step: Annotated[float, Field(gt=0)] | None = None
    """Draw multiples of it, counted from `low`."""
    when: When = {}
    """Only where these keys have these values, or one of a list of values."""

    @model_validator(mode="after")
    def _bounds(self) -> "FloatDimension":
        _check_bounds(self.low, self.high, self.log, self.step)
        return self


class IntDimension(Settings, frozen=True):
    """A whole number between two bounds."""

    type: Literal["int"]
    """`float`, `int` or `categorical`."""
    low: int
    """Least value, included."""
    high: int
    """Greatest value, included."""
    log: bool = False
    """Draw on a logarithmic scale."""
    step: Annotated[int, Field(ge=1)] | None = None
    """Draw multiples of it, counted from `low`."""
    when: When = {}
    """Only where these keys have these values, or one of a list of values."""

    @model_validator(mode="after")
    def _bounds(self) -> "IntDimension":
        _check_bounds(self.low, self.high, self.log, self.step)
        return self


class CategoricalDimension(Settings, frozen=True):
    """One of several values; a value may be a whole mapping."""

    type: Literal["categorical"]
    """`float`, `int` or `categorical`."""
    choices: Annotated[tuple[Value, ...], Field(min_length=1)]
    """The values."""
    when: When = {}
    """Only where these keys have these values, or one of a list of values."""


Dimension = Annotated[
    FloatDimension | IntDimension | CategoricalDimension, Field(discriminator="type")
]


def _check_bounds(low: float, high: float, log: bool, step: float | None) -> None:
    if low >= high:
        raise LocatedError(f"must be above `low`, {low:g}", ("high",))
    if log and low <= 0:
        raise LocatedError("must be above 0 on a logarithmic scale", ("low",))
    if log and step is not None:
        raise LocatedError("`step` and `log` exclude each other", ("step",))


def _known_subject(subject: str) -> str:
    numbered = EXPERT.fullmatch(subject) or GENERATION.fullmatch(subject)
    if subject not in SUBJECTS and not numbered:
        hint = did_you_mean(subject, (*SUBJECTS, "expert_1"))
        raise LocatedError(f"there is no subject `{subject}`", hint=hint)
    return subject


def _validation_only(role: Any) -> Any:
    if role != "validation":
        hint = "allowed: validation; test data is read once, for reporting"
        raise LocatedError("choices are made on validation data only", hint=hint)
    return role


class Objective(Settings, frozen=True):
    """What a search improves: a validation metric, averaged over seeds."""

    metric: Literal[Metric, "pgr"]
    """The metric."""
    subject: Annotated[str, AfterValidator(_known_subject)] = "ensemble"
    """Whose metric: `ensemble`, `student`, `floor`, `expert_1` …"""
    role: Annotated[Literal["validation"], BeforeValidator(_validation_only)] = "validation"
    """Choices are made on validation data only."""
    task: str | None = None
    """The validation task's name; default: whatever `tasks.validation` names."""
    mode: Literal["max", "min"] | None = None
    """Default: `min` for nll, ece, repetition and coherence, else `max`."""

    @property
    def direction(self) -> Literal["max", "min"]:
        """`mode`, or the metric's own."""
        return self.mode or ("min" if self.metric in _LOWER_IS_BETTER else "max")


class AshaSettings(Settings, frozen=True):
    """Asynchronous successive halving (Li et al. 2018, arXiv 1810.05934), timed in rounds."""

    grace_period: Annotated[int, Field(ge=1)] = 1
    """Rounds that every trial gets."""
    reduction_factor: Annotated[float, Field(gt=1)] = 3
    """One trial in this many goes on at each rung."""


class SchedulerSettings(Settings, frozen=True):
    """Which trials are stopped early."""

    asha: AshaSettings
    """Successive halving."""


class SearchSettings(Settings, frozen=True):
    """An Optuna study: one trial is one configuration, which steps all its seeds."""

    space: Annotated[dict[str, Dimension], Field(min_length=1)]
    """Dotted key → dimension."""
    trials: Annotated[int, Field(ge=1)]
    """Trials in all, over every resumption."""
    objective: Objective
    """What is improved."""
    sampler: Literal["tpe", "random", "cmaes", "grid"] = "tpe"
    """How values are drawn."""
    seed: Annotated[int, Field(ge=0)] = 0
    """The sampler's seed."""
    scheduler: Literal["none", "asha"] | SchedulerSettings = "none"
    """`none`, `asha`, or `asha: {grace_period, reduction_factor}`."""
    study: str | None = None
    """The study's name; default: the sweep's."""
    storage: str | None = None
    """Optuna's storage URL; default: a journal file in the store."""

    @property
    def asha(self) -> AshaSettings | None:
        """The scheduler's settings; None where every trial runs to its end."""
        if isinstance(self.scheduler, SchedulerSettings):
            return self.scheduler.asha
        return AshaSettings() if self.scheduler == "asha" else None
