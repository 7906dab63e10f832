"""Label noise: at the stated rate, of the stated kind, the same questions at every rate above."""

import numpy as np
import pytest

from ensemble_core.errors import StageError
from ensemble_core.noise import corrupt
from ensemble_core.settings import NoiseSettings
from ensemble_core.tasks.question import Question

CHOICES = ("a", "b", "c", "d")


def questions(n: int = 200, choices: tuple[str, ...] = CHOICES) -> list[Question]:
    return [Question(f"Q{i}:", CHOICES[i % 4], choices, task="letters") for i in range(n)]


def changed(before: list[Question], after: list[Question]) -> set[int]:
    return {i for i, (x, y) in enumerate(zip(before, after, strict=True)) if x.answer != y.answer}


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.25, 1.0])
def test_exactly_the_share_that_was_asked_for_is_wrong(rate: float) -> None:
    clean = questions()
    noisy = corrupt(clean, NoiseSettings(rate=rate), seed=0)
    assert len(changed(clean, noisy)) == round(rate * len(clean))
    assert [q.id for q in noisy] == [q.id for q in clean]
    assert all(q.answer in q.choices for q in noisy)


def test_a_higher_rate_corrupts_the_same_questions_and_more_in_the_same_way() -> None:
    clean = questions()
    low = corrupt(clean, NoiseSettings(rate=0.1), seed=3)
    high = corrupt(clean, NoiseSettings(rate=0.4), seed=3)
    assert changed(clean, low) < changed(clean, high)
    assert all(low[i] == high[i] for i in changed(clean, low))
    other = corrupt(clean, NoiseSettings(rate=0.1), seed=4)
    assert changed(clean, other) != changed(clean, low)


def test_uniform_noise_takes_every_wrong_choice_alike() -> None:
    noisy = corrupt(questions(4000), NoiseSettings(rate=1.0), seed=0)
    of_a = [q.answer for i, q in enumerate(noisy) if i % 4 == 0]
    shares = [of_a.count(letter) / len(of_a) for letter in "bcd"]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.06)  # 4 standard errors of 1,000 draws


def test_without_choices_the_answer_of_another_question_is_taken() -> None:
    clean = [Question(f"{i}+1=", str(i + 1)) for i in range(20)]
    noisy = corrupt(clean, NoiseSettings(rate=0.5), seed=0)
    assert len(changed(clean, noisy)) == 10
    assert {q.answer for q in noisy} <= {q.answer for q in clean}
    with pytest.raises(StageError, match="no other answer"):
        corrupt([Question("x", "y")], NoiseSettings(rate=1.0), seed=0)


def test_confusion_turns_each_class_into_the_next() -> None:
    noisy = corrupt(questions(8), NoiseSettings(rate=1.0, kind="confusion"), seed=0)
    assert "".join(q.answer for q in noisy) == "bcdabcda"


def test_adversarial_noise_takes_the_wrong_choice_that_is_liked_best() -> None:
    liked = [np.array([-1.0, -3.0, -2.0, -9.0])] * 8
    noisy = corrupt(
        questions(8), NoiseSettings(rate=1.0, kind="adversarial"), seed=0, preferences=liked
    )
    assert "".join(q.answer for q in noisy) == "caaacaaa"


def test_kinds_that_need_choices_or_preferences_say_so() -> None:
    for kind in ("confusion", "adversarial"):
        with pytest.raises(StageError, match=f"{kind} noise needs choices"):
            corrupt(questions(3, ()), NoiseSettings(rate=0.5, kind=kind), seed=0)
    with pytest.raises(ValueError, match="preferences"):
        corrupt(questions(3), NoiseSettings(rate=0.5, kind="adversarial"), seed=0)
