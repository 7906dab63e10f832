"""Rules over several keys of a cell. They read plain trees, so that they hold their peace on
values of the wrong type, which are reported elsewhere, and still judge the rest.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ensemble_core.documents import Loc
from ensemble_core.nano.ladder import SIZES
from w2s_platform.sweepfile.keys import find_key
from w2s_platform.sweepfile.sections import LONG_METRICS, STRONG_BASELINES, WRITTEN_METRICS
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
    for loc, learner in _learners(tree):
        layers, inner = learner.get("layers"), get_at(learner, ("model", "layers"))
        if layers is not None and inner is not None and layers != inner:
            message = f"`layers` is {brief(layers)} here and {brief(inner)} in `model`"
            yield Breach((*loc, "layers"), message, "give one of them")


def micro_batch_within_batch(tree: Tree) -> Iterator[Breach]:
    """Gradients are accumulated up to the global batch."""
    for loc, learner in _learners(tree):
        training = {"experts": {"training": learner.get("training")}}  # the defaults are the same
        micro = _number(training, "experts.training.micro_batch_size")
        batch = _number(training, "experts.training.batch_size")
        if micro is not None and batch is not None and micro > batch:
            message = f"`micro_batch_size` is {micro:g}, above `batch_size`, {batch:g}"
            also = ".".join(map(str, (*loc, "training", "batch_size")))
            yield Breach((*loc, "training", "micro_batch_size"), message, also=(also,))


def soft_labels_share_tokens(tree: Tree) -> Iterator[Breach]:
    """Distributions over tokens mean nothing to a student that reads other tokens."""
    if get_at(tree, ("student", "labels")) != "soft":
        return
    models = [learner.get("model") for _, learner in _learners(tree)]
    kinds = {kind for model in models if (kind := _source_of(model))}
    if len(kinds) > 1 and "nano" in kinds:
        message = "soft labels need experts and student with the same tokenizer"
        hint = "allowed here: hard; or two models of one family"
        also = ("student.model", "experts.model")
        yield Breach(("student", "labels"), message, hint, also)


def transfer_slices_have_students(tree: Tree) -> Iterator[Breach]:
    """Each generation of students has one transfer slice at most."""
    slices, later = get_at(tree, ("tasks", "transfer")), get_at(tree, ("student", "later"))
    generations = 1 + (len(later) if isinstance(later, list) else 0)
    if isinstance(slices, list) and len(slices) > generations:
        students = "one student" if generations == 1 else f"{generations} generations of students"
        message = f"`transfer` has {len(slices)} slices for {students}"
        hint = "give `student.later` more models, or leave slices out"
        yield Breach(("tasks", "transfer", generations), message, hint, ("student.later",))


def mixed_experts_share_tokens(tree: Tree) -> Iterator[Breach]:
    """An ensemble has one tokenizer; that of the built-in suite is its own."""
    first = _source_of(get_at(tree, ("experts", "model")))
    mix = get_at(tree, ("experts", "mix"))
    for index, model in enumerate(mix if isinstance(mix, list) else []):
        other = _source_of(model)
        if first and other and first != other and "nano" in (first, other):
            message = "experts of one ensemble need the same tokenizer"
            hint = "mix sizes of one family"
            yield Breach(("experts", "mix", index), message, hint, ("experts.model",))


def strong_baselines_need_a_student(tree: Tree) -> Iterator[Breach]:
    """Without a student there is no model for `single` and `ceiling` to train."""
    names = get_at(tree, ("baselines",))
    for index, name in enumerate(names if isinstance(names, list) else []):
        if name in STRONG_BASELINES and get_at(tree, ("student",)) is None:
            hint = "give the section `student`, or leave this baseline out"
            yield Breach(("baselines", index), f"`{name}` needs a student", hint)


def classes_are_not_written(tree: Tree) -> Iterator[Breach]:
    """A classifier picks a class: there is no text to measure, and no place in it."""
    if not get_at(tree, ("tasks", "classify")):
        return
    also = ("tasks.classify",)
    for index, name in _listed(tree, ("evaluation", "metrics")):
        if name in LONG_METRICS:
            message = f"`{name}` measures written answers; with `tasks.classify` there are none"
            yield Breach(("evaluation", "metrics", index), message, also=also)
    for index, name in _listed(tree, ("baselines",)):
        if name == "sequence":
            message = "`sequence` picks written answers; with `tasks.classify` there are none"
            yield Breach(("baselines", index), message, also=also)
    if get_at(tree, ("evaluation", "by_position")) is True:
        message = "a class has no positions"
        yield Breach(("evaluation", "by_position"), message, "leave it out", also)


def sequences_are_measured(tree: Tree) -> Iterator[Breach]:
    """Of a sequence-level ensemble there is nothing but the answers that it writes."""
    names = [name for _, name in _listed(tree, ("evaluation", "metrics"))]
    if not names or set(names) & set(WRITTEN_METRICS):
        return
    for index, name in _listed(tree, ("baselines",)):
        if name == "sequence":
            message = "`sequence` writes answers, and no metric measures those"
            hint = f"add one of {', '.join(WRITTEN_METRICS)}"
            yield Breach(("baselines", index), message, hint, ("evaluation.metrics",))


def the_judge_is_held_out(tree: Tree) -> Iterator[Breach]:
    """Coherence is judged by a model that none of the experts comes from."""
    names = {name: index for index, name in _listed(tree, ("evaluation", "metrics"))}
    if "coherence" not in names:
        return
    own, student = get_at(tree, ("evaluation", "judge")), get_at(tree, ("student", "model"))
    loc: Loc = ("evaluation", "metrics", names["coherence"])
    also = ("evaluation.judge", "student.model")
    if own is None and student is None:
        hint = "name a model as `evaluation.judge`"
        yield Breach(loc, "`coherence` needs a judge, or a student to be it", hint, also)
    judge = _checkpoint(student if own is None else own)
    mix = [model for _, model in _listed(tree, ("experts", "mix"))]
    experts = [get_at(tree, ("experts", "model")), *mix]
    if judge and judge in map(_checkpoint, experts):
        message = "the judge of `coherence` is the experts' own pretrained model"
        hint = "name another model as `evaluation.judge`"
        yield Breach(("evaluation", "judge") if own else loc, message, hint, also)


def answers_fit_the_context(tree: Tree) -> Iterator[Breach]:
    """An answer and its prompt share a model's context; that of the built-in suite is known."""
    limit = _number(tree, "evaluation.max_new_tokens")
    if limit is None or get_at(tree, ("tasks", "classify")):
        return
    mix = [(("experts", "mix", index), name) for index, name in _listed(tree, ("experts", "mix"))]
    models = [((*loc, "model"), learner.get("model")) for loc, learner in _learners(tree)]
    for loc, model in [*models, *mix]:
        size = SIZES.get(_form_of(model).get("nano", ""))
        if size and limit >= size.context:
            message = f"answers of {limit:g} tokens leave {size.name} no room for a prompt"
            hint = f"its context is {size.context} tokens"
            also = (".".join(map(str, loc)),)
            yield Breach(("evaluation", "max_new_tokens"), message, hint, also)
            return


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
    transfer_slices_have_students,
    mixed_experts_share_tokens,
    strong_baselines_need_a_student,
    classes_are_not_written,
    sequences_are_measured,
    the_judge_is_held_out,
    answers_fit_the_context,
    no_slice_twice,
    no_name_twice,
)


def _checkpoint(model: Any) -> dict[str, Any]:
    """Where a model's weights come from, however many of its blocks are used."""
    return {name: value for name, value in _form_of(model).items() if name != "layers"}


def _listed(tree: Tree, loc: Loc) -> Iterator[tuple[int, Any]]:
    """The items of a list with their places; none of anything else."""
    names = get_at(tree, loc)
    yield from enumerate(names if isinstance(names, list) else [])


def _number(tree: Tree, dotted: str) -> float | None:
    """A number at a key, its default where nothing is written; None for anything else."""
    key = find_key(dotted)
    assert key is not None
    value = get_at(tree, key.loc)
    value = key.default if value is None else value
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _learners(tree: Tree) -> Iterator[tuple[Loc, dict[str, Any]]]:
    """The sections that train a model, with their places: experts, student, later students."""
    later = get_at(tree, ("student", "later"))
    places: list[Loc] = [("experts",), ("student",)]
    found: list[Any] = [get_at(tree, loc) for loc in places]
    for index, each in enumerate(later if isinstance(later, list) else []):
        places.append(("student", "later", index))
        found.append(each)
    for loc, learner in zip(places, found, strict=True):
        if isinstance(learner, dict):
            yield loc, learner


def _source_of(model: Any) -> str | None:
    """Which kind of source a model has: `nano`, `hub`, `path` or `gguf`."""
    form = _form_of(model)
    return next((name for name in ("nano", "hub", "path", "gguf") if form.get(name)), None)


def _form_of(model: Any) -> dict[str, Any]:
    """A model as the mapping that its short form stands for; empty where it is none."""
    key = find_key("experts.model")
    assert key is not None
    return mapping_form(key, model) or {}
