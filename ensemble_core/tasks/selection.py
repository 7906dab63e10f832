"""Which questions of a pool a slice selects."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ensemble_core.documents import did_you_mean
from ensemble_core.errors import InputError
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.quantiles import ids_in, share_in
from ensemble_core.tasks.question import Question
from ensemble_core.tasks.slices import SliceSpec
from ensemble_core.tasks.source import Source
from ensemble_core.tasks.values import Attribute, in_order, is_range, matches, text_of

_SHOWN = 20


@dataclass(frozen=True)
class Selection:
    """The questions that a slice selects, and how many it leaves out."""

    questions: tuple[Question, ...]
    unrated: int = 0
    """Left out because they have no value where one is selected."""
    others: int = 0
    """Left out because their value is another."""


def select(
    questions: Sequence[Question], spec: SliceSpec, card: TaskCard, *, without: str | None = None
) -> Selection:
    """The questions whose values are wanted.

    A share such as `0%..50%` is one of all the given questions that have a value, whatever else
    the slice selects by.

    Args:
        questions: All questions of the split.
        spec: The slice.
        card: Its card, whose groups the slice may name.
        without: A name by which nothing is left out, though the slice selects by it.

    Raises:
        InputError: A value, or every value of a range, never occurs, or a share is one of words; it
            lists the values that occur.
    """
    wanted = {question.id for question in questions}
    unrated: set[str] = set()
    for name, values in spec.select.items():
        if name == without:
            continue
        wanted &= _ids(questions, spec, name, values, card)
        unrated |= {q.id for q in questions if value_of(q, name) is None}
    chosen = tuple(question for question in questions if question.id in wanted)
    return Selection(chosen, len(unrated), len(questions) - len(unrated) - len(chosen))


def value_of(question: Question, name: str) -> Attribute:
    """A question's difficulty or attribute."""
    return question.difficulty if name == "difficulty" else question.attributes.get(name)


def by_loss(spec: SliceSpec, card: TaskCard) -> bool:
    """Whether a slice selects by a difficulty that is a model's loss."""
    return card.difficulty is not None and "difficulty" in spec.select


def check_ranges(spec: SliceSpec, card: TaskCard) -> None:
    """Raise InputError if a slice by loss names a value: no two losses are ever equal."""
    for value in spec.select["difficulty"] if by_loss(spec, card) else ():
        for text in expanded(card, "difficulty", value):
            if share_in(text) is None and not is_range(text):
                what = f"difficulty is a model's loss here, which is never just `{text}`"
                hint = "select a share such as 0%..50%, or a range such as ..1.5"
                groups = list(card.groups.get("difficulty", {}))
                hint += f"; groups {did_you_mean(text, groups)}" if groups else ""
                raise InputError(what, where=str(spec), hint=hint)


def check_names(spec: SliceSpec, card: TaskCard, source: Source) -> None:
    """Raise InputError if a slice selects by what the source in use does not have."""
    known = card.selectable_in(source)
    for name in spec.select:
        if name in known:
            continue
        what = f"`{name}` can't be selected by"
        if name in card.selectable:
            what = f"`{name}` is in another source of the card, not in its {source.kind}"
        hint = did_you_mean(name, known) or "it has neither difficulty nor attributes"
        raise InputError(what, where=str(spec), hint=f"{card.where}: {hint}")


def expanded(card: TaskCard, name: str, value: str) -> tuple[str, ...]:
    """The values and ranges that a value stands for: a group's, or itself."""
    return card.groups.get(name, {}).get(value, (value,))


def _ids(
    questions: Sequence[Question],
    spec: SliceSpec,
    name: str,
    values: Iterable[str],
    card: TaskCard,
) -> set[str]:
    """The questions with any of the values, each of which occurs; of a group, one is enough."""
    found: set[str] = set()
    seen = Counter(value_of(question, name) for question in questions)
    for value in values:
        texts = expanded(card, name, value)
        ids = {one for text in texts for one in _matching(questions, seen, spec, name, text)}
        if not ids:
            groups = card.groups.get(name, {})
            near = did_you_mean(value, [*map(text_of, seen), *groups], listed=0)
            hint = f"values seen: {_listed(seen, groups)}" + (f"; {near}" if near else "")
            raise InputError(f"no question has {name} `{value}`", where=str(spec), hint=hint)
        found |= ids
    return found


def _matching(
    questions: Sequence[Question],
    seen: "Counter[Attribute]",
    spec: SliceSpec,
    name: str,
    text: str,
) -> set[str]:
    share = share_in(text)
    if share is None:
        hits = {value for value in seen if matches(value, text)}
        return {question.id for question in questions if value_of(question, name) in hits}
    if any(isinstance(value, str) for value in seen):
        what = f"`{text}` is a share of the questions ranked by a number, and {name} has words"
        raise InputError(what, where=str(spec), hint=f"values seen: {_listed(seen, ())}")
    values = {question.id: value_of(question, name) for question in questions}
    return ids_in(share, {q: value for q, value in values.items() if isinstance(value, float)})


def _listed(seen: "Counter[Attribute]", groups: Iterable[str]) -> str:
    counts = {text_of(value): count for value, count in seen.items() if value is not None}
    names = in_order(counts)
    numbers = [value for value in seen if isinstance(value, float)]
    if len(names) > _SHOWN and len(numbers) == len(names):
        parts = [f"{len(names)} numbers from {min(numbers):.4g} to {max(numbers):.4g}"]
    else:
        parts = [f"{name} ({counts[name]})" for name in names[:_SHOWN]]
        parts += [f"… {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    if seen[None]:
        parts.append(f"none ({seen[None]})")
    return ", ".join(parts) + "".join(f", group {name}" for name in groups)
