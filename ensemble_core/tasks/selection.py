"""Which questions of a pool a slice selects."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ensemble_core.documents import did_you_mean
from ensemble_core.errors import InputError
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.question import Question
from ensemble_core.tasks.slices import SliceSpec
from ensemble_core.tasks.source import Source
from ensemble_core.tasks.values import Attribute, in_order, matches, text_of

_SHOWN = 20


@dataclass(frozen=True)
class Selection:
    """The questions that a slice selects, and how many it leaves out."""

    questions: tuple[Question, ...]
    unrated: int = 0
    """Left out because they have no value where one is selected."""
    others: int = 0
    """Left out because their value is another."""


def select(questions: Sequence[Question], spec: SliceSpec, card: TaskCard) -> Selection:
    """The questions whose values are wanted.

    Raises:
        InputError: A value, or every value of a range, never occurs; it lists those that do.
    """
    chosen: Iterable[Question] = questions
    unrated: set[str] = set()
    for name, values in spec.select.items():
        wanted = _expanded(card, name, values)
        _check_values(questions, spec, name, values, card)
        unrated |= {q.id for q in questions if value_of(q, name) is None}
        chosen = [q for q in chosen if any(matches(value_of(q, name), text) for text in wanted)]
    chosen = tuple(chosen)
    return Selection(chosen, len(unrated), len(questions) - len(unrated) - len(chosen))


def value_of(question: Question, name: str) -> Attribute:
    """A question's difficulty or attribute."""
    return question.difficulty if name == "difficulty" else question.attributes.get(name)


def check_names(spec: SliceSpec, card: TaskCard, source: Source) -> None:
    """Raise InputError if a slice selects by what the source in use does not have."""
    for name in spec.select:
        if name in source.selectable:
            continue
        what = f"`{name}` can't be selected by"
        if name in card.selectable:
            what = f"`{name}` is in another source of the card, not in its {source.kind}"
        known = did_you_mean(name, source.selectable) or "it has neither difficulty nor attributes"
        raise InputError(what, where=str(spec), hint=f"{card.where}: {known}")


def _expanded(card: TaskCard, name: str, values: Iterable[str]) -> set[str]:
    groups = card.groups.get(name, {})
    return {text for value in values for text in groups.get(value, (value,))}


def _check_values(
    questions: Sequence[Question],
    spec: SliceSpec,
    name: str,
    values: Iterable[str],
    card: TaskCard,
) -> None:
    """Every value that the slice names occurs; of a group, one value is enough."""
    seen = Counter(value_of(question, name) for question in questions)
    for value in values:
        wanted = _expanded(card, name, [value])
        if not any(matches(found, text) for found in seen for text in wanted):
            groups = card.groups.get(name, {})
            near = did_you_mean(value, [*map(text_of, seen), *groups], listed=0)
            hint = f"values seen: {_listed(seen, groups)}" + (f"; {near}" if near else "")
            raise InputError(f"no question has {name} `{value}`", where=str(spec), hint=hint)


def _listed(seen: "Counter[Attribute]", groups: Iterable[str]) -> str:
    counts = {text_of(value): count for value, count in seen.items() if value is not None}
    names = in_order(counts)
    parts = [f"{name} ({counts[name]})" for name in names[:_SHOWN]]
    if len(names) > _SHOWN:
        parts.append(f"… {len(names) - _SHOWN} more")
    if seen[None]:
        parts.append(f"none ({seen[None]})")
    return ", ".join(parts) + "".join(f", group {name}" for name in groups)
