"""The models of a card's sources: local files, a hub dataset, a built-in generator."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from ensemble_core.documents import LocatedError, did_you_mean
from ensemble_core.settings import Settings
from ensemble_core.tasks.fields import Fields
from ensemble_core.tasks.parts import split_name
from ensemble_core.tasks.passages import Passages

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
SHARES: Mapping[str, float] = {"train": 0.7, "validation": 0.1, "test": 0.2}
_PLAIN = Fields(answer="answer")
_SPLIT = r"^[A-Za-z_][\w.-]*$"


def _below_the_root(value: str) -> str:
    path = PurePosixPath(split_name(value)[0])
    if path.is_absolute() or ".." in path.parts or "\\" in value or not value.isprintable():
        raise ValueError("must lie below the data root: no `..`, no absolute path")
    if path.suffix not in SUFFIXES:
        raise ValueError(f"ends in none of {', '.join(SUFFIXES)}")
    return value


def _owner_and_name(value: str) -> str:
    # Without an owner, `datasets` would take the name for one of its own readers, or a folder.
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", value):
        raise ValueError(f"`{value}` is not owner/name, such as allenai/ai2_arc")
    return value


LocalPath = Annotated[str, Field(min_length=1), AfterValidator(_below_the_root)]
LocalPaths = LocalPath | Annotated[tuple[LocalPath, ...], Field(min_length=1)]
SplitName = Annotated[str, Field(pattern=_SPLIT)]
HubSplit = Annotated[str, Field(pattern=r"^[\w.-]+(\[[-\d:%]*\])?$")]


class HubSource(Settings, frozen=True):
    """A dataset of the Hugging Face hub. Code of its repository never runs."""

    dataset: Annotated[str, AfterValidator(_owner_and_name)]
    """Owner and name, such as `allenai/ai2_arc`."""
    config: str | None = None
    """The dataset's configuration, where it has several."""
    revision: Annotated[str, Field(min_length=1)] = "main"
    """A commit (40 hex digits). A branch is accepted and reported as unpinned."""
    splits: HubSplit | Annotated[dict[SplitName, HubSplit], Field(min_length=1)] = {
        "train": "train",
        "validation": "validation",
        "test": "test",
    }
    """Split → the hub's split (a part such as `train[:10000]` is allowed); or one hub split, which
    is then parted by `shares`."""


class GeneratorSource(Settings, frozen=True):
    """A built-in family of generated questions."""

    family: str
    """The family's name."""
    count: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Questions generated for all splits together; equal ones collapse."""
    seed: int = 0
    """Decides which questions are generated."""
    difficulties: Annotated[tuple[int, ...], Field(min_length=1)]
    """The difficulties generated, in equal numbers."""
    first_character: Annotated[bool, Field(exclude_if=lambda given: not given)] = False
    """Ask for the answer's first character alone; the choices are then the alphabet."""

    @field_validator("family")
    @classmethod
    def _is_known(cls, value: str) -> str:
        from ensemble_core.nano.families import FAMILIES

        if value not in FAMILIES:
            hint = did_you_mean(value, list(FAMILIES))
            raise LocatedError(f"there is no family `{value}`", hint=hint)
        return value

    @field_validator("difficulties")
    @classmethod
    def _are_known(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        from ensemble_core.nano.families import DIFFICULTIES

        for number, difficulty in enumerate(value):
            if difficulty not in DIFFICULTIES:
                hint = f"allowed: {', '.join(map(str, DIFFICULTIES))}"
                raise LocatedError(f"there is no difficulty {difficulty}", (number,), hint)
            if difficulty in value[:number]:
                raise LocatedError(f"{difficulty} stands here twice", (number,))
        return value


class Source(Settings, frozen=True):
    """One place where the questions come from: exactly one of files, hub, generator."""

    files: LocalPaths | Annotated[dict[SplitName, LocalPaths], Field(min_length=1)] | None = None
    """Split → file or files below the data root (a part such as `train.jsonl[:90%]` is allowed); or
    files that `shares` parts into splits."""
    hub: HubSource | None = None
    """A dataset of the Hugging Face hub."""
    generator: GeneratorSource | None = None
    """A built-in family of generated questions."""
    fields: Fields = _PLAIN
    """Which field of a row holds what; a generator needs none."""
    passages: Passages | None = None
    """How a row with a list of texts makes several questions; default: a row is a question."""
    shares: dict[SplitName, Annotated[float, Field(gt=0, le=1)]] | None = None
    """Split → share, where the source has no splits of its own; each question's content decides
    where it belongs. Default: train 0.7, validation 0.1, test 0.2."""

    @model_validator(mode="after")
    def _is_one(self) -> "Source":
        given = [name for name in ("files", "hub", "generator") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("name exactly one of files, hub, generator")
        if self.generator and self.fields != _PLAIN:
            raise LocatedError("a generator's fields are known", ("fields",))
        if self.generator and self.passages:
            raise LocatedError("goes without `generator`", ("passages",))
        if self.shares is not None and self.own_splits is not None:
            raise LocatedError("the source has splits of its own", ("shares",))
        if self.shares is not None and abs(sum(self.shares.values()) - 1) > 1e-6:
            raise LocatedError(f"must sum to 1, not {sum(self.shares.values()):g}", ("shares",))
        return self

    @property
    def kind(self) -> Literal["files", "hub", "generator"]:
        """Which of the three it is."""
        return "files" if self.files else "hub" if self.hub else "generator"

    @property
    def own_splits(self) -> Mapping[str, str | tuple[str, ...]] | None:
        """Split → files or hub split; None where `shares` parts the source."""
        given = self.files if self.files else self.hub.splits if self.hub else None
        return given if isinstance(given, dict) else None

    @property
    def parts(self) -> Mapping[str, float]:
        """Split → share, where the source has no splits of its own."""
        return self.shares or SHARES

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of its splits."""
        return tuple(self.parts if self.own_splits is None else self.own_splits)

    @property
    def has_choices(self) -> bool:
        """Whether its questions may have candidate answers."""
        if self.generator is None:
            return self.fields.has_choices
        if self.generator.first_character:
            return True
        from ensemble_core.nano.families import FAMILIES

        return FAMILIES[self.generator.family].has_choices

    @property
    def variables(self) -> tuple[str, ...]:
        """What its rows offer to templates beside question, answer and choices."""
        return tuple(self.fields.variables)

    @property
    def selectable(self) -> tuple[str, ...]:
        """What a slice may select by."""
        graded = self.generator is not None or self.fields.difficulty is not None
        return (*(["difficulty"] if graded else []), *self.fields.attributes)

    def files_of(self, split: str) -> tuple[str, ...]:
        """The local files that hold a split, as the card names them, with their parts."""
        given = self.files[split] if isinstance(self.files, dict) else self.files
        return (given,) if isinstance(given, str) else tuple(given or ())
