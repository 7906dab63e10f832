"""The task cards that a sweep names: missing, wrong, or asked for what they lack."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ensemble_core import gating
from ensemble_core.tasks.cards import find_card
from w2s_platform.sweepfile.check import MIN_GATE_QUESTIONS, draws, tasks
from w2s_platform.sweepfile.sweep import Sweep

SHIPPED = Path(__file__).parents[2] / "sweeps" / "tasks"
CARD = """\
task: {name}
sources:
- files: {{train: {name}.jsonl, test: {name}_test.jsonl}}
  fields: {{question: q, answer: a, difficulty: level}}
"""


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    for name in ("add", "multiply"):
        text = CARD.format(name=name)
        if name == "multiply":
            text = text.replace(", difficulty: level", "")
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def check(sweep: Sweep, folder: Path) -> list[str]:
    found = [str(problem) for problem in tasks(sweep, [folder])]
    return [text.replace(str(folder), "CARDS").removeprefix("f.yaml:") for text in found]


def test_cards_that_are_there(base: str, load: Callable[[str], Sweep], cards: Path) -> None:
    assert check(load(base), cards) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  transfer: add", "  transfer: ad", [
            "4:13: tasks.transfer: there is no task card `ad` (looked in CARDS) "
            "(allowed: add, multiply; did you mean `add`?)"]),
        ("  transfer: add", "  transfer: 'add[split=tets]'", [
            "4:13: tasks.transfer: `add` has no split `tets` "
            "(allowed: train, test; did you mean `test`?)"]),
        ("difficulty=easy", "dificulty=easy", [
            "3:13: tasks.labelled: `add` can't be selected by `dificulty` "
            "(allowed: difficulty; did you mean `difficulty`?)"]),
        ("  ood: [multiply]", "  ood: ['multiply[difficulty=3]']", [
            "7:9: tasks.ood[0]: `multiply` can't be selected by `difficulty` "
            "(it has neither difficulty nor attributes)"]),
        ("student:", "vary:\n- grid:\n    tasks.ood: [[add, multipl]]\nstudent:", [
            "12:23: vary[0].grid.tasks.ood[0][1]: there is no task card `multipl` "
            "(looked in CARDS) (allowed: add, multiply; did you mean `multiply`?)"]),
    ],
)  # fmt: skip
def test_what_cards_lack_is_shown_at_the_slice(
    base: str, load: Callable[[str], Sweep], cards: Path, old: str, new: str, expected: list[str]
) -> None:
    assert old in base
    text = base.replace(old, new)
    if "vary" in new:
        text = text.replace("  id: [add]", "  id: ['add[difficulty=hard]']")
    assert check(load(text), cards) == expected


def test_a_wrong_card_speaks_for_itself(
    base: str, load: Callable[[str], Sweep], cards: Path
) -> None:
    (cards / "multiply.yaml").write_text(CARD.format(name="multiply") + "promt: x\n")
    (problem,) = check(load(base), cards)
    assert problem.startswith("CARDS/multiply.yaml:5:1: promt: unknown key")
    assert "did you mean `prompt`?" in problem


SEARCH = """\
search:
  space: {experts.rounds: {type: int, low: 1, high: 4}}
  objective: {metric: choice_accuracy}
  trials: 2
"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("  labels: choice\n", [
            "12:11: student.labels: `add`, the transfer task, has no choices to label with "
            "(allowed: hard, soft)"]),
        ("evaluation: {metrics: [choice_accuracy]}\n", [
            f"12:23: evaluation.metrics: `{name}` has no choices, so nothing would be measured "
            "on it (add a metric that needs none, such as accuracy or nll)"
            for name in ("add", "multiply")]),
        ("evaluation: {metrics: [choice_accuracy, nll]}\n", []),
        (SEARCH, [
            "14:23: search.objective.metric: `add`, the validation task, has no choices "
            "(allowed: accuracy, nll, …)"]),
    ],
)  # fmt: skip
def test_choices_are_asked_for_only_where_there_are_some(
    base: str, load: Callable[[str], Sweep], cards: Path, more: str, expected: list[str]
) -> None:
    assert check(load(base + more), cards) == expected
    for name in ("add", "multiply"):
        card = CARD.format(name=name).replace("answer: a,", "choices: c, answer_index: a,")
        (cards / f"{name}.yaml").write_text(card.replace(", answer: a", ""))
    if "easy" not in more:
        assert not any("choices" in text for text in check(load(base + more), cards))


NANO = """\
sweep: nano
tasks: {labelled: 'nano-letters[size=60]', transfer: 'nano-mixed[size=20]',
  validation: 'nano-letters[size=49]', id: 'nano-letters[size=10]'}
experts: {model: nano-xs}
student: {model: nano-s}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("nano-xs", "nano-xs, combine: gate", [
            "4:36: experts.combine: a gate is learned from 50 validation questions or more "
            "(tasks.validation has 49: raise its size, or take another combiner)"]),
        ("nano-xs", "nano-xs, unit: window, window: 9", [
            "4:49: experts.window: no answer is longer than 8 tokens, so every window is an "
            "answer (lower it, or set unit: sample)"]),
        ("nano-xs", "nano-xs, unit: window, window: 8", []),
    ],
)  # fmt: skip
def test_what_the_questions_drawn_can_not_serve(
    load: Callable[[str], Sweep], old: str, new: str, expected: list[str]
) -> None:
    sweep = load(NANO.replace(old, new))
    names = ("nano-letters", "nano-mixed")
    known = {name: find_card(name, [SHIPPED]) for name in names}
    found = [str(problem).removeprefix("f.yaml:") for problem in draws(sweep, known, None)]
    assert found == expected
    assert gating.MIN_QUESTIONS == MIN_GATE_QUESTIONS
