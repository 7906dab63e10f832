"""Settings that decide a result. Sweep files, stage keys and the training code share these models.

Every field is documented where it stands; the JSON Schema of sweep files is made from them.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Precision = Literal["fp32", "bf16"]
Unit = Literal["token", "window", "sample"]
Update = Literal["reweight", "resample"]
ErrorOn = Literal["train", "heldout", "oob"]
FixedCombiner = Literal["mean", "product", "vote", "uniform"]
CombinerName = Literal[FixedCombiner, "gate"]
NoiseKind = Literal["uniform", "confusion", "adversarial"]
Labels = Literal["hard", "choice", "soft"]
LossName = Literal["cross_entropy", "confidence"]
SequenceScore = Literal["mean", "sum"]
"""Log-likelihood per token, or of the whole answer, which favours short ones."""


class Settings(BaseModel, frozen=True):
    """Base: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class LoraSettings(Settings, frozen=True):
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685), trained through PEFT."""

    rank: Annotated[int, Field(ge=1)] = 8
    """Rank r of the update."""
    alpha: Annotated[float, Field(gt=0)] = 16.0
    """Scale; the update is multiplied by alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout on the adapter's input."""
    targets: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    """Names of the adapted linear layers, or all of them but the output head."""


class TrainingSettings(Settings, frozen=True):
    """One fine-tuning: AdamW, warm-up, decay, clipping, weighted token cross-entropy."""

    epochs: Annotated[float, Field(gt=0)] = 3.0
    """Passes over the examples; a fraction is allowed."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    """Examples per optimizer step, over all workers (the global batch)."""
    micro_batch_size: Annotated[int, Field(ge=1)] | None = None
    """Examples per forward pass and worker; the gradient is accumulated over the rest."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    """Peak learning rate."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Decoupled weight decay; not applied to biases and norms."""
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the steps over which the rate rises from 0."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How the rate falls after the warm-up."""
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    """Largest gradient norm."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Autocast; `auto` is bf16 where the stage trains on a GPU and fp32 elsewhere."""
    max_length: Annotated[int, Field(ge=2)] | None = None
    """Longest example in tokens; default: the model's context."""


class ModelRef(Settings, frozen=True):
    """A pretrained causal language model, by exactly one of its sources."""

    nano: str | None = None
    """A size of the built-in suite, such as `nano-s`; pretrained on first use."""
    hub: str | None = None
    """A hub repository, such as `EleutherAI/pythia-70m`."""
    revision: str | None = None
    """The hub commit or branch."""
    path: str | None = None
    """A directory written by `save_pretrained`."""
    gguf: str | None = None
    """A GGUF file: a path, or a file's name inside `package`."""
    package: str | None = None
    """The installed Python package that carries the GGUF file; it is never imported."""
    layers: Annotated[int, Field(ge=1)] | None = None
    """Keep only the first n blocks: a weak model from a strong one's checkpoint."""
    trust_remote_code: bool = False
    """Let the repository's own code run. Off unless the sweep says so."""

    @model_validator(mode="after")
    def _one_source(self) -> "ModelRef":
        sources = [name for name in ("nano", "hub", "path", "gguf") if getattr(self, name)]
        if len(sources) != 1:
            raise ValueError("name exactly one of nano, hub, path, gguf")
        if self.package and not self.gguf:
            raise ValueError("package goes with gguf")
        if self.revision and not self.hub:
            raise ValueError("revision goes with hub")
        return self

    @property
    def label(self) -> str:
        """A short name for tables."""
        name = self.nano or self.hub or self.path or self.gguf or ""
        return f"{name}[:{self.layers}]" if self.layers else name


def _true_or_none(value: bool) -> bool | None:
    """A switch that is off says nothing, and so is no part of a key."""
    return value or None


class BoostSettings(Settings, frozen=True):
    """What decides a boosting round, besides its data, model and training."""

    unit: Unit = "token"
    """What is reweighed: a token (the paper), a window of answer tokens, or the sample."""
    window: Annotated[int, Field(ge=1)] | None = None
    """Consecutive answer tokens per window; goes with `unit: window`."""
    update: Update = "reweight"
    """Weights in the loss, or examples drawn in proportion to the weight they carry."""
    error: ErrorOn = "train"
    """Where a round's error is measured: on the labelled tokens (`train`, the paper), on those of
    the validation questions (`heldout`), or on the examples that the round did not draw (`oob`)."""
    weight_cap: Annotated[float, Field(ge=1)] | None = None
    """No token weighs more than this many times the mean: a robust update; default: no limit."""
    update_bound: Annotated[float, Field(gt=0)] | None = None
    """A wrong token's weight grows by exp(min(α, this)): a robust update; default: by exp(α)."""
    same_seed: Annotated[bool, AfterValidator(_true_or_none)] | None = None
    """Train every round with the first one's seed, so that experts differ by their token weights
    alone; default: a seed of its own for each."""

    @model_validator(mode="after")
    def _window_goes_with_its_unit(self) -> "BoostSettings":
        if (self.unit == "window") != (self.window is not None):
            raise ValueError("`window` is needed with `unit: window`, and only there")
        return self

    @model_validator(mode="after")
    def _out_of_bag_goes_with_drawing(self) -> "BoostSettings":
        if self.error == "oob" and self.update != "resample":
            raise ValueError(
                "`error: oob` needs `update: resample`: reweighting leaves nothing out"
            )
        return self


class NoiseSettings(Settings, frozen=True):
    """Wrong labels on purpose, in the labelled set, see `noise.corrupt`."""

    rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the labelled questions whose answer is replaced by a wrong one."""
    kind: NoiseKind = "uniform"
    """Which wrong one: any, the next class's, or the one that the pretrained model likes best."""
