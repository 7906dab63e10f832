"""Wrong labels on purpose: true answers replaced at a stated rate, to see what breaks.

Which questions are corrupted depends on the seed and the question alone, so the questions that a
low rate corrupts are among those of a higher one, and a curve over rates is paired.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from ensemble_core.errors import StageError
from ensemble_core.settings import NoiseSettings
from ensemble_core.tasks.question import Question

Preferences = NDArray[np.float64]
"""What a model thinks of each choice of one question: log-likelihoods, shape [choices]."""
_Replace = Callable[[Question, Random], str]


def corrupt(
    questions: Sequence[Question],
    settings: NoiseSettings,
    *,
    seed: int,
    preferences: Sequence[Preferences] | None = None,
) -> list[Question]:
    """Replace the answers of round(rate · n) questions by wrong ones; ids and order stay.

    - `uniform`: any wrong choice, all alike (symmetric noise); without choices, the answer of
      another question.
    - `confusion`: class k turns into class k + 1, the last into the first (the pair noise of Han
      et al. 2018, arXiv 1804.06872); the class is the answer's place among the choices.
    - `adversarial`: the wrong choice that a model likes best.

    Args:
        questions: n questions with their true answers.
        settings: Kind and rate.
        seed: The replicate's seed.
        preferences: One array per question; needed by `adversarial`.

    Raises:
        StageError: The kind needs choices and a question has none, or no other answer exists.
        ValueError: `adversarial` without one array of preferences per question.
    """
    new_answer = _rule(questions, settings, preferences)
    ranked = sorted(range(len(questions)), key=lambda index: _rank(seed, questions[index]))
    chosen = set(ranked[: round(settings.rate * len(questions))])
    return [
        replace(question, answer=new_answer(question, Random(_rank(seed, question))))
        if index in chosen
        else question
        for index, question in enumerate(questions)
    ]


def _rule(
    questions: Sequence[Question],
    settings: NoiseSettings,
    preferences: Sequence[Preferences] | None,
) -> _Replace:
    if settings.kind == "uniform":
        return _Uniform(questions)
    _check_choices(questions, settings.kind)
    if settings.kind == "confusion":
        return _next_choice
    if preferences is None or len(preferences) != len(questions):
        raise ValueError("adversarial noise needs the preferences of every question")
    liked = {q.id: _liked_best(q, scores) for q, scores in zip(questions, preferences, strict=True)}
    return lambda question, _: liked[question.id]


class _Uniform:
    """Any wrong answer: one of the question's own choices or, without any, another question's."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._answers = sorted({question.answer for question in questions})

    def __call__(self, question: Question, rng: Random) -> str:
        pool = question.choices or self._answers
        wrong = [answer for answer in pool if answer != question.answer]
        if not wrong:
            raise StageError(
                "there is no other answer to put in its place",
                where=f"task {question.task}, question {question.id}",
                hint="label noise needs choices, or questions with different answers",
            )
        return rng.choice(wrong)


def _next_choice(question: Question, _: Random) -> str:
    return question.choices[(question.answer_index + 1) % len(question.choices)]


def _liked_best(question: Question, scores: Preferences) -> str:
    order = np.argsort(-scores, kind="stable")
    return next(question.choices[i] for i in order if i != question.answer_index)


def _check_choices(questions: Sequence[Question], kind: str) -> None:
    bare = next((question for question in questions if len(question.choices) < 2), None)
    if bare is not None:
        raise StageError(
            f"{kind} noise needs choices",
            where=f"task {bare.task}, question {bare.id}",
            hint="set noise.kind to uniform, or take tasks with choices",
        )


def _rank(seed: int, question: Question) -> str:
    return hashlib.sha256(f"noise\x1f{seed}\x1f{question.id}".encode()).hexdigest()
