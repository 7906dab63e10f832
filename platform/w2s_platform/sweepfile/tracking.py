"""`track:`, where else a sweep's runs are shown. None of it changes a result, or a key."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
)

from ensemble_core.documents import Loc, LocatedError, did_you_mean
from ensemble_core.documents.validate import frozen
from ensemble_core.settings import Settings

TrackerName = Literal["tensorboard", "mlflow", "wandb"]
TRACKERS: tuple[TrackerName, ...] = get_args(TrackerName)
_SQLITE = "sqlite:///"
"""Before the path of a database file."""
_Text = Annotated[str, StringConstraints(min_length=1)]


class TensorBoardSettings(Settings, frozen=True):
    """Event files, one folder per cell."""

    folder: _Text | None = None
    """Where they go; default: `tensorboard` in the store."""


class MlflowSettings(Settings, frozen=True):
    """Runs of an MLflow experiment."""

    uri: _Text | None = None
    """The tracking server, or a database such as `sqlite:////shared/mlflow.db`; default:
    MLFLOW_TRACKING_URI, else `mlflow.db` in the store."""
    experiment: _Text | None = None
    """The experiment; default: the sweep's name."""


class WandbSettings(Settings, frozen=True):
    """Runs of a Weights & Biases project."""

    project: _Text | None = None
    """The project; default: the sweep's name."""
    entity: _Text | None = None
    """The user or team; default: that of the login."""
    mode: Literal["online", "offline"] | None = None
    """`offline` writes to `wandb` in the store, for `wandb sync`; default: WANDB_MODE, else
    online."""


def _or_defaults(value: Any) -> Any:
    """A tracker that is named with nothing after it is wanted as it comes."""
    return {} if value is None else value


_DEFAULTS = BeforeValidator(_or_defaults)


class TrackSettings(Settings, frozen=True):
    """The trackers that a sweep asks for."""

    tensorboard: Annotated[TensorBoardSettings | None, _DEFAULTS] = None
    """TensorBoard event files."""
    mlflow: Annotated[MlflowSettings | None, _DEFAULTS] = None
    """MLflow runs; needs `w2s-platform[mlflow]`."""
    wandb: Annotated[WandbSettings | None, _DEFAULTS] = None
    """Weights & Biases runs; needs `w2s-platform[wandb]`."""

    @property
    def names(self) -> tuple[TrackerName, ...]:
        """Those that are asked for."""
        return tuple(name for name in TRACKERS if getattr(self, name) is not None)

    def places(self) -> Iterator[tuple[Loc, str]]:
        """Folders and database files of their own, each with its location below `track`."""
        if self.tensorboard and self.tensorboard.folder:
            yield ("tensorboard", "folder"), self.tensorboard.folder
        if self.mlflow and (uri := self.mlflow.uri) and uri.startswith(_SQLITE):
            yield ("mlflow", "uri"), uri.removeprefix(_SQLITE)


def _one_or_more(value: Any) -> Any:
    """A name alone is a list of one.

    Raises:
        LocatedError: There is no such tracker.
    """
    if isinstance(value, str) and value not in TRACKERS:
        raise LocatedError(f"there is no tracker `{value}`", hint=did_you_mean(value, TRACKERS))
    return (value,) if isinstance(value, str) else value


def _form(value: Any) -> str:
    return "TrackSettings" if isinstance(value, (Mapping, TrackSettings)) else "tuple"


def _named(value: TrackSettings | tuple[TrackerName, ...]) -> TrackSettings:
    """Names alone are trackers as they come."""
    if isinstance(value, TrackSettings):
        return value
    for index, name in enumerate(value):
        if name in value[:index]:
            raise LocatedError(f"`{name}` stands here twice", (index,))
    return TrackSettings.model_validate({name: {} for name in value})


_Names = Annotated[tuple[TrackerName, ...], Field(min_length=1)]
Track = Annotated[
    Annotated[TrackSettings, Tag("TrackSettings")] | Annotated[_Names, Tag("tuple")],
    Discriminator(_form),
    BeforeValidator(
        _one_or_more, json_schema_input_type=TrackSettings | TrackerName | tuple[TrackerName, ...]
    ),
    AfterValidator(_named),
]
"""A name, a list of names, or a mapping with settings."""
_ADAPTER: TypeAdapter[Any] = TypeAdapter(Track)


def read_track(data: Any) -> TrackSettings:
    """The trackers that a sound `track:` asks for; none where there is none."""
    return TrackSettings() if data is None else _ADAPTER.validate_python(frozen(data), strict=True)
