"""Why two stages, or two cells, have different keys: the fields that differ, at their source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ensemble_core.errors import InputError

if TYPE_CHECKING:
    from w2s_platform.store import Store

ABSENT = "(absent)"


@dataclass(frozen=True)
class Difference:
    """One field that two stages do not share."""

    stage: str
    """The kind of stage that owns the field, such as `round`."""
    field: str
    """Dotted, such as `settings.training.learning_rate`."""
    first: Any
    second: Any


def explain(store: "Store", first: str, second: str) -> list[Difference]:
    """The fields that set two stages or two cells apart, each where it first came in.

    Args:
        store: Where both ran.
        first: A stage's key or a cell's id; the first few digits are enough.
        second: The other.

    Returns:
        The differences; empty where both are the same.

    Raises:
        InputError: The store knows neither a stage nor a cell by that name.
    """
    from w2s_platform.results.ledger import find_cell

    keys = [store.keys_starting_with(name) for name in (first, second)]
    explainer = _Explainer(store)
    if all(len(found) == 1 for found in keys):
        return _once(explainer.between(keys[0][0], keys[1][0]))
    for name, found in zip((first, second), keys, strict=True):
        if len(found) > 1:
            raise InputError(f"{len(found)} stages start with `{name}`", hint="give more digits")
    (_, left), (_, right) = find_cell(store, first), find_cell(store, second)
    return _once(explainer.between_models(left.models, right.models))


def field_differences(first: Any, second: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The leaves at which two JSON values differ, as (dotted path, first, second)."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for name in dict.fromkeys([*first, *second]):
            below = f"{path}.{name}" if path else str(name)
            yield from field_differences(first.get(name, ABSENT), second.get(name, ABSENT), below)
    elif first != second:
        yield path, first, second


def _once(differences: Iterator[Difference]) -> list[Difference]:
    """Each difference once: three rounds with another learning rate differ for one reason."""
    told: list[Difference] = []
    for difference in differences:
        if difference not in told:
            told.append(difference)
    return told


class _Explainer:
    def __init__(self, store: "Store") -> None:
        self._store = store
        self._compared: set[tuple[str, str]] = set()

    def between_models(
        self, first: Mapping[str, str], second: Mapping[str, str]
    ) -> Iterator[Difference]:
        for subject in dict.fromkeys([*first, *second]):
            if subject in first and subject in second:
                yield from self.between(first[subject], second[subject])
            else:
                present = [subject if subject in models else ABSENT for models in (first, second)]
                yield Difference("cell", f"subject {subject}", *present)

    def between(self, first: str, second: str) -> Iterator[Difference]:
        """Inputs that differ are followed, so that each cause is told once, where it arose."""
        if first == second or (first, second) in self._compared:
            return
        self._compared.add((first, second))
        left, right = self._preimage(first), self._preimage(second)
        if left["kind"] != right["kind"]:
            yield Difference(left["kind"], "kind", left["kind"], right["kind"])
            return
        for part in ("version", "settings"):
            for field, one, other in field_differences(left[part], right[part], part):
                yield Difference(left["kind"], field, one, other)
        yield from self._between_inputs(left, right)

    def _between_inputs(
        self, left: Mapping[str, Any], right: Mapping[str, Any]
    ) -> Iterator[Difference]:
        for name in dict.fromkeys([*left["inputs"], *right["inputs"]]):
            one, other = left["inputs"].get(name), right["inputs"].get(name)
            if one and other:
                yield from self.between(one, other)
            else:
                present = ["present" if key else ABSENT for key in (one, other)]
                yield Difference(left["kind"], f"inputs.{name}", *present)

    def _preimage(self, key: str) -> Mapping[str, Any]:
        manifest = self._store.manifest(key)
        if manifest is None:
            hint = "`w2s run` the sweep first: a preimage is stored when its stage has run"
            raise InputError("this stage has not run in this store", where=key[:12], hint=hint)
        return manifest.preimage
