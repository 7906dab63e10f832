"""Rules over several keys of a cell. They read plain trees, so that they hold their peace on
values of the wrong type, which are reported elsewhere, and still judge the rest.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ensemble_core.documents import Loc
from w2s_platform.sweepfile.keys import find_key
from w2s_platform.sweepfile.tree import get_at
from w2s_platform.sweepfile.values import brief, full_form, mapping_form


@dataclass(frozen=True)
class Breach:
    """A rule that a cell breaks."""

    loc: Loc
    """The key that it is shown at."""
    message: str
    hint: str = ""
    also: tuple[str, ...] = ()
    """Other dotted keys that play a part."""

    @property
    def keys(self) -> list[Loc]:
        """All settings that play a part, the shown one first."""
        return [self.loc, *(tuple(dotted.split(".")) for dotted in self.also)]

    def at(self, is_written: Callable[[Loc], bool]) -> Loc:
        """The first of these settings that the file writes."""
        return next((loc for loc in self.keys if is_written(loc)), self.loc)


Tree = Mapping[str, Any]
Rule = Callable[[Tree], Iterator[Breach]]


def breaches(tree: Tree) -> list[Breach]:
    """Every rule that the tree breaks."""
    return [breach for rule in _RULES for breach in rule(tree)]


def count_within_rounds(tree: Tree) -> Iterator[Breach]:
    """The ensemble can't use more experts than there are rounds."""
    count, rounds = _number(tree, "experts.count"), _number(tree, "experts.rounds")
    if count is not None and rounds is not None and count > rounds:
        message = f"`count` is {count:g}, above `rounds`, {rounds:g}"
        hint = "allowed: at most `rounds`; leave it out for all accepted experts"
        yield Breach(("experts", "count"), message, hint, ("experts.rounds",))


def window_with_its_unit(tree: Tree) -> Iterator[Breach]:
    """A window's size and the unit `window` go together; in the words of `BoostSettings`."""
    unit, window = (get_at(tree, ("experts", name)) for name in ("unit", "window"))
    if (unit == "window") != (window is not None):
        message = "`window` is needed with `unit: window`, and only there"
        loc = ("experts", "unit" if window is None else "window")
        yield Breach(loc, message, also=("experts.unit", "experts.window"))


def out_of_bag_goes_with_drawing(tree: Tree) -> Iterator[Breach]:
    """Reweighing leaves no example out; in the words of `BoostSettings`."""
    error, update = (get_at(tree, ("experts", name)) for name in ("error", "update"))
    if error == "oob" and update != "resample":
        message = "`error: oob` needs `update: resample`: reweighting leaves nothing out"
        yield Breach(("experts", "error"), message, also=("experts.update",))


def layers_once(tree: Tree) -> Iterator[Breach]:
    """A model is cut either beside its name or in its mapping."""
    for section in ("experts", "student"):
        layers = get_at(tree, (section, "layers"))
        inner = get_at(tree, (section, "model", "layers"))
        if layers is not None and inner is not None and layers != inner:
            message = f"`layers` is {brief(layers)} here and {brief(inner)} in `model`"
            yield Breach((section, "layers"), message, "give one of them")


def micro_batch_within_batch(tree: Tree) -> Iterator[Breach]:
    """Gradients are accumulated up to the global batch."""
    for section in ("experts", "student"):
        micro = _number(tree, f"{section}.training.micro_batch_size")
        batch = _number(tree, f"{section}.training.batch_size")
        if micro is not None and batch is not None and micro > batch:
            message = f"`micro_batch_size` is {micro:g}, above `batch_size`, {batch:g}"
            loc = (section, "training", "micro_batch_size")
            yield Breach(loc, message, also=(f"{section}.training.batch_size",))


def soft_labels_share_tokens(tree: Tree) -> Iterator[Breach]:
    """Distributions over tokens mean nothing to a student that reads other tokens."""
    if get_at(tree, ("student", "labels")) != "soft":
        return
    weak, strong = _source(tree, "experts.model"), _source(tree, "student.model")
    if weak and strong and weak != strong and "nano" in (weak, strong):
        message = "soft labels need experts and student with the same tokenizer"
        hint = "allowed here: hard; or two models of one family"
        also = ("student.model", "experts.model")
        yield Breach(("student", "labels"), message, hint, also)


def no_slice_twice(tree: Tree) -> Iterator[Breach]:
    """A test slice that stands twice would count twice."""
    key = find_key("tasks.labelled")
    assert key is not None
    seen: dict[str, str] = {}
    for role in ("id", "ood"):
        slices = get_at(tree, ("tasks", role))
        for index, item in enumerate(slices if isinstance(slices, list) else [slices]):
            loc = ("tasks", role, index) if isinstance(slices, list) else ("tasks", role)
            form = full_form(key, item) if item is not None else ""
            if form and form in seen:
                yield Breach(loc, "the same slice stands here twice", f"also in {seen[form]}")
            seen.setdefault(form, f"tasks.{role}")


def no_name_twice(tree: Tree) -> Iterator[Breach]:
    """A baseline or a metric that stands twice is a slip."""
    for loc in (("baselines",), ("evaluation", "metrics")):
        names = get_at(tree, loc)
        for index, name in enumerate(names if isinstance(names, list) else []):
            if name in names[:index]:
                yield Breach((*loc, index), f"`{brief(name)}` stands here twice")


_RULES: tuple[Rule, ...] = (
    count_within_rounds,
    window_with_its_unit,
    out_of_bag_goes_with_drawing,
    layers_once,
    micro_batch_within_batch,
    soft_labels_share_tokens,
    no_slice_twice,
    no_name_twice,
)


def _number(tree: Tree, dotted: str) -> float | None:
    """A number at a key, its default where nothing is written; None for anything else."""
    key = find_key(dotted)
    assert key is not None
    value = get_at(tree, key.loc)
    value = key.default if value is None else value
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _source(tree: Tree, dotted: str) -> str | None:
    """Which kind of source a model has: `nano`, `hub`, `path` or `gguf`."""
    key = find_key(dotted)
    assert key is not None
    mapping = mapping_form(key, get_at(tree, key.loc)) or {}
    return next((name for name in ("nano", "hub", "path", "gguf") if mapping.get(name)), None)
