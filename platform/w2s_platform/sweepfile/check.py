"""Checks that look beyond the file: at the task cards that a sweep names."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ensemble_core.documents import DocumentErrors, Loc, Problem, did_you_mean
from ensemble_core.errors import InputError, StageError
from ensemble_core.settings import ModelRef
from ensemble_core.tasks.slices import SliceSpec
from w2s_platform.sweepfile.places import Places
from w2s_platform.sweepfile.points import Point
from w2s_platform.sweepfile.sections import CHOICE_METRICS, STEP_METRICS, TaskGrid
from w2s_platform.sweepfile.sweep import CellSpec, Sweep
from w2s_platform.sweepfile.values import brief

if TYPE_CHECKING:
    from ensemble_core.steps import StepSettings
    from ensemble_core.tasks.card import TaskCard
    from ensemble_core.tasks.question import Question
    from ensemble_core.tasks.roles import Role

Drawn: TypeAlias = "dict[Loc, list[Question]]"
MIN_GATE_QUESTIONS = 50
"""`gating.MIN_QUESTIONS`, which a check does not import torch for."""
TRAINED_ON = ("labelled", "transfer")
"""Roles on which nothing is measured."""


def tasks(sweep: Sweep, search_path: Sequence[Path]) -> list[Problem]:
    """What is wrong with the task cards that a sweep names, and with what it asks of them.

    Whether there are enough questions is for `draws` to say.

    Args:
        sweep: A checked sweep.
        search_path: Folders in which cards are looked for, in this order.
    """
    cards: dict[str, TaskCard | InputError] = {}
    problems: set[Problem] = set()
    for point in sweep.points:
        for loc, spec in slices(point.config.tasks):
            if spec.task not in cards:
                cards[spec.task] = _find(spec.task, search_path)
            problems |= set(_problems(sweep, point, loc, spec, cards[spec.task]))
        problems |= set(_without_choices(sweep, point, cards))
        problems |= set(_without_steps(sweep, point, cards))
    return sorted(problems)


def draws(sweep: Sweep, cards: "Mapping[str, TaskCard]", data_root: Path | None) -> list[Problem]:
    """What keeps a cell from drawing its questions: too few, or another role holds them.

    Args:
        sweep: A sweep whose `tasks` are sound.
        cards: The cards that it names.
        data_root: Where the cards' local files lie.

    Raises:
        InputError: Data can't be read, or are malformed.
    """
    drawn: dict[str, Drawn] = {}
    problems: set[Problem] = set()
    for point in sweep.points:
        grid = point.config.tasks.model_dump_json()
        if grid not in drawn:
            drawn[grid] = {}
            problems |= set(_undrawable(sweep, point, cards, data_root, drawn[grid]))
        problems |= set(_unfit(sweep, point, drawn[grid]))
        problems |= set(_unjudgeable(sweep, point, cards, drawn[grid]))
        problems |= set(_foreign(sweep, point))
    return sorted(problems)


def slices(grid: TaskGrid) -> Iterator[tuple[Loc, SliceSpec]]:
    """Every slice of a grid with its location in the settings, in the order of drawing."""
    yield ("tasks", "labelled"), grid.labelled
    for index, spec in enumerate(grid.transfers):
        yield ("tasks", "transfer", *((index,) if len(grid.transfers) > 1 else ())), spec
    yield ("tasks", "validation"), grid.validation
    for role in ("id", "ood"):
        for index, spec in enumerate(getattr(grid, role)):
            yield ("tasks", role, index), spec


def problem_at(
    sweep: Sweep, cell: CellSpec | Point, loc: Loc, message: str, hint: str = ""
) -> Problem:
    """A problem with one setting of a cell, where the file writes it (in `vary`, or plainly).

    Args:
        sweep: The sweep.
        cell: The cell or point that has the problem.
        loc: The setting, such as `("tasks", "ood", 0)`.
        message: What is wrong.
        hint: What is allowed.
    """
    return Places(sweep.document, cell.row).problem(loc, message, hint)


def _find(name: str, search_path: Sequence[Path]) -> "TaskCard | InputError":
    from ensemble_core.tasks.cards import find_card

    try:
        return find_card(name, search_path)
    except InputError as error:
        return error


def _problems(
    sweep: Sweep, point: Point, loc: Loc, spec: SliceSpec, card: "TaskCard | InputError"
) -> Iterator[Problem]:
    if isinstance(card, DocumentErrors):
        yield from card.problems
    elif isinstance(card, InputError):
        yield problem_at(sweep, point, loc, card.what, card.hint or "")
    else:
        for message, hint in _misfits(spec, card):
            yield problem_at(sweep, point, loc, message, hint)


def _without_choices(
    sweep: Sweep, point: Point, cards: "Mapping[str, TaskCard | InputError]"
) -> Iterator[Problem]:
    """Settings that need choices where the task has none, so that nothing would come of them."""
    grid, config = point.config.tasks, point.config
    bare = {name for name, card in cards.items() if _lacks_choices(card)}
    if grid.classify:
        for name in sorted({spec.task for _, spec in slices(grid)} & bare):
            message = f"`{name}` has no choices to classify"
            yield problem_at(sweep, point, ("tasks", "classify"), message, "leave it out")
    by_choice = config.student is not None and config.student.labels == "choice"
    for name in dict.fromkeys(spec.task for spec in grid.transfers if by_choice):
        if name not in bare:
            continue
        message = f"`{name}`, the transfer task, has no choices to label with"
        yield problem_at(sweep, point, ("student", "labels"), message, "allowed: hard, soft")
    if set(config.evaluation.metrics) <= set(CHOICE_METRICS):
        tested = {spec.task for loc, spec in slices(grid) if role_of(loc) not in TRAINED_ON}
        for name in sorted(tested & bare):
            message = f"`{name}` has no choices, so nothing would be measured on it"
            hint = "add a metric that needs none, such as accuracy or nll"
            yield problem_at(sweep, point, ("evaluation", "metrics"), message, hint)
    objective = sweep.search and sweep.search.objective.metric
    if objective in CHOICE_METRICS and grid.validation.task in bare:
        message = f"`{grid.validation.task}`, the validation task, has no choices"
        loc = ("search", "objective", "metric")
        yield problem_at(sweep, point, loc, message, "allowed: accuracy, nll, …")


def _without_steps(
    sweep: Sweep, point: Point, cards: "Mapping[str, TaskCard | InputError]"
) -> Iterator[Problem]:
    """Metrics of steps where a tested task's answers are none."""
    metrics = point.config.evaluation.metrics
    asked = [(index, name) for index, name in enumerate(metrics) if name in STEP_METRICS]
    tested = {spec.task for loc, spec in slices(point.config.tasks) if _is_tested(loc)}
    for name in sorted(tested):
        card = cards[name]
        if asked and not isinstance(card, InputError) and card.steps is None:
            named = " and ".join(f"`{metric}`" for _, metric in asked)
            message = f"the answers of `{name}` are no steps, which {named} would count"
            hint = "say in its card how they fall into `steps`, or leave the metric out"
            yield problem_at(sweep, point, ("evaluation", "metrics"), message, hint)


def _is_tested(loc: Loc) -> bool:
    return role_of(loc) not in TRAINED_ON


def _lacks_choices(card: "TaskCard | InputError") -> bool:
    return not isinstance(card, InputError) and not any(s.has_choices for s in card.sources)


def _undrawable(
    sweep: Sweep,
    point: Point,
    cards: "Mapping[str, TaskCard]",
    data_root: Path | None,
    drawn: Drawn,
) -> Iterator[Problem]:
    """What can't be drawn; what can is put into `drawn`."""
    from ensemble_core.tasks.checks import check_draws

    wanted = list(slices(point.config.tasks))
    requests: list[tuple[Role, SliceSpec, TaskCard]] = [
        (role_of(loc), spec, cards[spec.task]) for loc, spec in wanted
    ]
    try:
        found = check_draws(requests, data_root=data_root)
        drawn |= {loc: each for (loc, _), each in zip(wanted, found, strict=True) if each}
    except InputError as error:
        places = [loc for loc, spec in wanted if str(spec) == error.where]
        named = [loc for loc in places if error.what.startswith(f"{role_of(loc)}:")]
        if not places:
            raise
        loc = (named or places)[0]
        message = error.what.removeprefix(f"{role_of(loc)}: ")  # the location says it
        yield problem_at(sweep, point, loc, message, error.hint or "")


def _unfit(sweep: Sweep, point: Point, drawn: Drawn) -> Iterator[Problem]:
    """Settings that the questions drawn can't serve."""
    experts = point.config.experts
    validation = drawn.get(("tasks", "validation"))
    if experts.combine == "gate" and validation and len(validation) < MIN_GATE_QUESTIONS:
        message = f"a gate is learned from {MIN_GATE_QUESTIONS} validation questions or more"
        hint = f"tasks.validation has {len(validation)}: raise its size, or take another combiner"
        yield problem_at(sweep, point, ("experts", "combine"), message, hint)
    labelled = drawn.get(("tasks", "labelled"))
    longest = _longest_answer(experts.base, labelled) if experts.window and labelled else None
    if experts.window and longest and experts.window > longest:
        message = f"no answer is longer than {longest} tokens, so every window is an answer"
        yield problem_at(
            sweep, point, ("experts", "window"), message, "lower it, or set unit: sample"
        )


def _unjudgeable(
    sweep: Sweep, point: Point, cards: "Mapping[str, TaskCard]", drawn: Drawn
) -> Iterator[Problem]:
    """Steps whose verifier finds nothing right in a true answer: it is made for other answers."""
    if not set(point.config.evaluation.metrics) & set(STEP_METRICS):
        return
    tested: dict[str, list[Question]] = {}
    for loc, questions in drawn.items():
        if _is_tested(loc):
            tested.setdefault(questions[0].task, []).extend(questions)
    for name, questions in tested.items():
        steps, question = cards[name].steps, questions[0]
        if steps is None or any(_some_right(steps, each) for each in questions):
            continue
        message = f"`{steps.verify}` finds no right step in the true answers of `{name}`"
        hint = f"mend `steps` in its card; a true answer begins {brief(question.answer[:60])}"
        yield problem_at(sweep, point, ("evaluation", "metrics"), message, hint)


def _some_right(steps: "StepSettings", question: "Question") -> bool:
    try:
        return any(steps.judge(question, question.answer))
    except StageError:
        return False


def _foreign(sweep: Sweep, point: Point) -> Iterator[Problem]:
    """Experts that read other tokens than the first, as far as that is known here."""
    first, *others = point.config.experts.bases
    for index, model in enumerate(others):
        reason = _mismatch(first, model)
        if reason:
            message = f"`{model.label}` can't join the ensemble: {reason}"
            hint = f"name models with the tokenizer of `{first.label}`"
            yield problem_at(sweep, point, ("experts", "mix", index), message, hint)


@cache
def _mismatch(first: ModelRef, second: ModelRef) -> str | None:
    """None too where a tokenizer would come over a network; the built-in suite shares one."""
    from ensemble_core.models.vocabulary import token_mismatch

    known_later = any(model.hub or model.nano for model in (first, second))
    return None if known_later else token_mismatch(first, second)


def _longest_answer(model: ModelRef, questions: "Sequence[Question]") -> int | None:
    """Tokens, end of sequence included; None where the tokenizer would come over a network."""
    from ensemble_core.encoding import TokenDataset, encode_all
    from ensemble_core.models.load import load_tokenizer
    from ensemble_core.nano.tokenizer import build_tokenizer

    if model.hub:
        return None
    tokenizer = build_tokenizer() if model.nano else load_tokenizer(model)
    encoded = encode_all(tokenizer, questions, max_length=sys.maxsize)
    return int(TokenDataset(encoded).answer_lengths.max())


def role_of(loc: Loc) -> "Role":
    """The role of the slice at a location such as `("tasks", "ood", 0)`."""
    role: Any = loc[1]
    return role


def _misfits(spec: SliceSpec, card: "TaskCard") -> Iterator[tuple[str, str]]:
    """What a slice asks for that no source of the card has."""
    for name in spec.select:
        if name not in card.selectable:
            known = (
                did_you_mean(name, card.selectable) or "it has neither difficulty nor attributes"
            )
            yield f"`{card.task}` can't be selected by `{name}`", known
    splits = list(dict.fromkeys(split for source in card.sources for split in source.splits))
    if spec.split is not None and spec.split not in splits:
        yield f"`{card.task}` has no split `{spec.split}`", did_you_mean(spec.split, splits)
