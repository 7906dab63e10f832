"""The sections of a sweep file that decide a cell: tasks, experts, student, evaluation."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from ensemble_core.settings import (
    BoostSettings,
    CombinerName,
    Labels,
    LoraSettings,
    LossName,
    ModelRef,
    NoiseSettings,
    Settings,
    TrainingSettings,
)
from ensemble_core.tasks.slices import SliceSpec
from w2s_platform.sweepfile.names import Adapter, Model
from w2s_platform.sweepfile.resources import ResourceSettings

Baseline = Literal["floor", "long", "bagging", "single", "ceiling"]
Metric = Literal[
    "accuracy", "token_accuracy", "choice_accuracy", "choice_accuracy_norm", "nll", "ece"
]
ALL_BASELINES: tuple[Baseline, ...] = get_args(Baseline)
BASELINES: tuple[Baseline, ...] = ("floor", "bagging", "single", "ceiling")
"""Those that run where a sweep names none."""
METRICS: tuple[Metric, ...] = get_args(Metric)
CHOICE_METRICS: tuple[Metric, ...] = ("choice_accuracy", "choice_accuracy_norm")
_NameT = TypeVar("_NameT", bound=str)

Classify = Literal["candidates", "choices"]
Layers = Annotated[int, Field(ge=1)] | None


def _one_or_more(value: Any) -> Any:
    """A slice alone is a list of one."""
    return (value,) if isinstance(value, (str, Mapping, SliceSpec)) else value


def _in_order(names: tuple[_NameT, ...]) -> tuple[_NameT, ...]:
    """Names in the order of the design, so that a file's own order identifies nothing."""
    order: tuple[str, ...] = (*ALL_BASELINES, *METRICS)
    return tuple(sorted(names, key=order.index))


_SomeSlices = Annotated[tuple[SliceSpec, ...], Field(min_length=1)]
_ALONE = BeforeValidator(_one_or_more, json_schema_input_type=SliceSpec | tuple[SliceSpec, ...])
_ALONE_OR_SOME = BeforeValidator(_one_or_more, json_schema_input_type=SliceSpec | _SomeSlices)


class TaskGrid(Settings, frozen=True):
    """Which questions play which role; no question plays two in one cell."""

    labelled: SliceSpec
    """True answers are used: the experts are trained on it."""
    transfer: SliceSpec
    """Answers are hidden: the ensemble labels it for the student; the ceiling reads them."""
    validation: SliceSpec
    """Whatever is chosen is chosen on it."""
    id: Annotated[_SomeSlices, _ALONE_OR_SOME]
    """Test questions like the labelled ones; read once, for reporting."""
    ood: Annotated[tuple[SliceSpec, ...], _ALONE] = ()
    """Test questions of another difficulty, domain, or both."""
    classify: Classify | None = None
    """Classes instead of written answers, by a head in place of the vocabulary: `candidates` asks
    of a question with its right or a wrong choice whether it is right (K = 2, balanced);
    `choices` asks which choice is right (K choices)."""


class ExpertSettings(BoostSettings, frozen=True):
    """The weak experts: one pretrained model, fine-tuned in boosting rounds."""

    model: Model
    """The pretrained weak model: a name, or a mapping with one source."""
    layers: Layers = None
    """Keep only the model's first n blocks."""
    rounds: Annotated[int, Field(ge=1, le=1000)] = 4
    """Boosting rounds."""
    count: Annotated[int, Field(ge=1)] | None = None
    """Accepted experts that the ensemble uses, at most `rounds`; default: all."""
    combine: CombinerName = "mean"
    """How the experts' next-token distributions become one; `gate` is learned on validation
    data."""
    adapter: Adapter = "full"
    """Full fine-tuning, `lora`, or a mapping with LoRA's settings."""
    training: TrainingSettings = TrainingSettings()
    """One round's fine-tuning."""

    @property
    def base(self) -> ModelRef:
        """The pretrained model with `layers` applied."""
        return _with_layers(self.model, self.layers)

    @property
    def lora(self) -> LoraSettings | None:
        """The adapter's settings; None for full fine-tuning."""
        return self.adapter if isinstance(self.adapter, LoraSettings) else None

    @property
    def boost(self) -> BoostSettings:
        """What is reweighed, and how."""
        return BoostSettings(**{name: getattr(self, name) for name in BoostSettings.model_fields})


class StudentSettings(Settings, frozen=True):
    """The strong student, fine-tuned on what the weak ensemble wrote."""

    model: Model
    """The pretrained strong model: a name, or a mapping with one source."""
    layers: Layers = None
    """Keep only the model's first n blocks."""
    labels: Labels = "hard"
    """`hard`: answers that the ensemble writes; `choice`: the choice it finds likeliest; `soft`:
    its next-token distributions over the answers it writes."""
    loss: LossName = "cross_entropy"
    """What the student minimises against its labels. `confidence` adds its own confident
    predictions (Burns et al. 2023)."""
    confidence_weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    """The share of these with `loss: confidence`, after the first fifth of the training."""
    adapter: Adapter = "full"
    """Full fine-tuning, `lora`, or a mapping with LoRA's settings."""
    training: TrainingSettings = TrainingSettings()
    """The student's fine-tuning; the ceiling's too."""

    @property
    def base(self) -> ModelRef:
        """The pretrained model with `layers` applied."""
        return _with_layers(self.model, self.layers)

    @property
    def lora(self) -> LoraSettings | None:
        """The adapter's settings; None for full fine-tuning."""
        return self.adapter if isinstance(self.adapter, LoraSettings) else None


class EvaluationSettings(Settings, frozen=True):
    """What is measured, and how answers are decoded."""

    metrics: Annotated[tuple[Metric, ...], AfterValidator(_in_order), Field(min_length=1)] = (
        "accuracy",
        "token_accuracy",
        "choice_accuracy",
        "nll",
        "ece",
    )
    """Measured on every slice that has what they need; choice metrics need choices."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 32
    """Longest decoded answer, pseudo-labels included."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    """Questions per forward pass."""
    each_expert: bool = False
    """Evaluate every expert alone too."""
    staged: bool = False
    """Evaluate the first t experts together for every t, and how the experts differ, in one pass;
    the count chosen on validation data is then shown beside the best one on test data."""


class Config(Settings, frozen=True):
    """Everything that decides a cell, besides its seed; and the resources, which do not."""

    tasks: TaskGrid
    """The task slices, by role."""
    experts: ExpertSettings
    """The weak experts and their boosting."""
    noise: NoiseSettings = NoiseSettings()
    """Wrong labels on purpose; none by default."""
    student: StudentSettings
    """The strong student."""
    baselines: Annotated[tuple[Baseline, ...], AfterValidator(_in_order)] = BASELINES
    """What is run for comparison. `floor`: the first expert; `long`: one expert trained as long as
    all together; `bagging`; `single`: the student of the floor's labels; `ceiling`: of true ones.
    All but `long` by default."""
    evaluation: EvaluationSettings = EvaluationSettings()
    """Metrics and decoding."""
    resources: ResourceSettings = ResourceSettings()
    """Workers, concurrency and budgets; a cell's identity is blind to them."""


SECTIONS: tuple[str, ...] = tuple(name for name in Config.model_fields if name != "resources")
"""The sections that decide a cell, and whose keys may vary."""


def _with_layers(model: ModelRef, layers: int | None) -> ModelRef:
    return model if layers is None else model.model_copy(update={"layers": layers})
