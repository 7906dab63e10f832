"""The sections of a sweep file that decide a cell: tasks, experts, student, evaluation."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from ensemble_core.documents import Loc
from ensemble_core.settings import (
    BoostSettings,
    CombinerName,
    Labels,
    LoraSettings,
    LossName,
    ModelRef,
    NoiseSettings,
    SequenceScore,
    Settings,
    TrainingSettings,
)
from ensemble_core.tasks.slices import SliceSpec
from w2s_platform.sweepfile.names import Adapter, Model
from w2s_platform.sweepfile.resources import ResourceSettings

Baseline = Literal["floor", "long", "bagging", "sequence", "single", "ceiling"]
StepMetric = Literal["steps_correct", "first_error"]
LongMetric = Literal[StepMetric, "repetition", "distinct_2", "coherence"]
Metric = Literal[
    "accuracy",
    "token_accuracy",
    "choice_accuracy",
    "choice_accuracy_norm",
    "nll",
    "ece",
    LongMetric,
]
ALL_BASELINES: tuple[Baseline, ...] = get_args(Baseline)
BASELINES: tuple[Baseline, ...] = ("floor", "bagging", "single", "ceiling")
"""Those that run where a sweep names none."""
STRONG_BASELINES: tuple[Baseline, ...] = ("single", "ceiling")
"""Those that train the student's model."""
METRICS: tuple[Metric, ...] = get_args(Metric)
CHOICE_METRICS: tuple[Metric, ...] = ("choice_accuracy", "choice_accuracy_norm")
STEP_METRICS: tuple[Metric, ...] = get_args(StepMetric)
"""Those that need a task whose answers are steps."""
LONG_METRICS: tuple[Metric, ...] = get_args(LongMetric)
WRITTEN_METRICS: tuple[Metric, ...] = ("accuracy", *LONG_METRICS)
"""Those of answers that are written, not of true ones that are read."""
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


def _slice_or_list(value: Any) -> str:
    return "tuple" if isinstance(value, (list, tuple)) else "SliceSpec"


def _alone_if_one(value: SliceSpec | tuple[SliceSpec, ...]) -> SliceSpec | tuple[SliceSpec, ...]:
    """A list of one slice is that slice."""
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


_SliceOrList = Annotated[
    Annotated[SliceSpec, Tag("SliceSpec")] | Annotated[_SomeSlices, Tag("tuple")],
    Discriminator(_slice_or_list),
    AfterValidator(_alone_if_one),
]


class TaskGrid(Settings, frozen=True):
    """Which questions play which role; no question plays two in one cell."""

    labelled: SliceSpec
    """True answers are used: the experts are trained on it."""
    transfer: _SliceOrList
    """Answers are hidden: the ensemble labels it for the student; the ceiling reads them. A list
    gives each generation of students questions of its own; the last slice serves the rest."""
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

    @property
    def transfers(self) -> tuple[SliceSpec, ...]:
        """The transfer slices, the first student's first."""
        return self.transfer if isinstance(self.transfer, tuple) else (self.transfer,)


class ExpertSettings(BoostSettings, frozen=True):
    """The weak experts: one pretrained model, fine-tuned in boosting rounds."""

    model: Model
    """The pretrained weak model: a name, or a mapping with one source."""
    layers: Layers = None
    """Keep only the model's first n blocks."""
    mix: tuple[Model, ...] = ()
    """Further pretrained models with the same tokenizer: round t, and bag t, trains the t-th of
    `model` and these in turn. `floor` and `long` are of `model`; each of these may name its own
    `layers` in its mapping."""
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
    def bases(self) -> tuple[ModelRef, ...]:
        """What the rounds train in turn."""
        return (self.base, *self.mix)

    @property
    def lora(self) -> LoraSettings | None:
        """The adapter's settings; None for full fine-tuning."""
        return self.adapter if isinstance(self.adapter, LoraSettings) else None

    @property
    def boost(self) -> BoostSettings:
        """What is reweighed, and how."""
        return BoostSettings(**{name: getattr(self, name) for name in BoostSettings.model_fields})


class Generation(Settings, frozen=True):
    """A stronger student, which learns from the one before it."""

    model: Model
    """The pretrained model: a name, or a mapping with one source."""
    layers: Layers = None
    """Keep only the model's first n blocks."""
    adapter: Adapter | None = None
    """Full fine-tuning, `lora`, or a mapping with LoRA's settings; default: the student's."""
    training: TrainingSettings | None = None
    """Its fine-tuning, and its ceiling's; default: the student's."""


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
    later: tuple[Generation, ...] = ()
    """Further generations, each stronger than the one before: the student alone writes the labels
    from which the first of them learns (`student_2`), that one those of the next. Labels and loss
    are the student's."""

    @property
    def generations(self) -> "tuple[StudentSettings, ...]":
        """The student and those after it, each with all of its settings."""
        return (self, *(self._generation(later) for later in self.later))

    def _generation(self, later: Generation) -> "StudentSettings":
        own = {
            "model": later.model,
            "layers": later.layers,
            "adapter": later.adapter or self.adapter,
            "training": later.training or self.training,
        }
        return self.model_copy(update={**own, "later": ()})

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
    """Measured on every slice that has what they need; choice metrics need choices. Of written
    answers: `steps_correct` and `first_error` (the task card says what a step is), `repetition`,
    `distinct_2`, and `coherence`, the nll that a judge gives them."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 32
    """Longest decoded answer, pseudo-labels included."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    """Questions per forward pass."""
    each_expert: bool = False
    """Evaluate every expert alone too."""
    staged: bool = False
    """Evaluate the first t experts together for every t, and how the experts differ, in one pass;
    the count chosen on validation data is then shown beside the best one on test data."""
    by_position: bool = False
    """Add rows such as `nll@9-16`: token_accuracy, nll and steps_correct by place in the answer."""
    judge: Model | None = None
    """Who judges coherence: a pretrained model that is none of the experts'; default: the
    student's, which so judges `strong_base`, itself, too."""
    sequence_score: Annotated[SequenceScore, Field(exclude_if=lambda score: score == "mean")] = (
        "mean"
    )
    """How the baseline `sequence` picks among its experts' answers: by their log-likelihood per
    token, or its sum."""


class Config(Settings, frozen=True):
    """Everything that decides a cell, besides its seed; and the resources, which do not."""

    tasks: TaskGrid
    """The task slices, by role."""
    experts: ExpertSettings
    """The weak experts and their boosting."""
    noise: NoiseSettings = NoiseSettings()
    """Wrong labels on purpose; none by default."""
    student: StudentSettings | None = None
    """The strong student; a study of experts alone has none."""
    baselines: Annotated[tuple[Baseline, ...], AfterValidator(_in_order)] = BASELINES
    """What is run for comparison. `floor`: the first expert; `long`: one expert trained as long as
    all together; `bagging`; `sequence`: each expert writes, the ensemble picks an answer; `single`:
    the student of the floor's labels; `ceiling`: of true ones. Default: floor, bagging and, where
    there is a student, single and ceiling."""
    evaluation: EvaluationSettings = EvaluationSettings()
    """Metrics and decoding."""
    resources: ResourceSettings = ResourceSettings()
    """Workers, concurrency and budgets; a cell's identity is blind to them."""

    def models(self) -> Iterator[tuple[Loc, ModelRef]]:
        """Every pretrained model with its location in the settings."""
        yield ("experts", "model"), self.experts.model
        for index, model in enumerate(self.experts.mix):
            yield ("experts", "mix", index), model
        if self.student:
            yield ("student", "model"), self.student.model
            for index, later in enumerate(self.student.later):
                yield ("student", "later", index, "model"), later.model
        if self.evaluation.judge:
            yield ("evaluation", "judge"), self.evaluation.judge


SECTIONS: tuple[str, ...] = tuple(name for name in Config.model_fields if name != "resources")
"""The sections that decide a cell, and whose keys may vary."""


def _with_layers(model: ModelRef, layers: int | None) -> ModelRef:
    return model if layers is None else model.model_copy(update={"layers": layers})
