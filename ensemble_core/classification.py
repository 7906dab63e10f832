"""Questions as classification, and what a classifier (`models.class_head`) makes of them.

A question's classes are its choices, in their order; its class is the answer's place among them.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ensemble_core.costs import inference_flops
from ensemble_core.encoding import Encoded, TokenDataset, encode_prompts
from ensemble_core.errors import InputError, StageError
from ensemble_core.evaluation import Evaluation
from ensemble_core.labels import PseudoLabels
from ensemble_core.measuring import METRICS, Measurement, QuestionResult, measure
from ensemble_core.models.class_head import count_classes
from ensemble_core.models.context import context_length
from ensemble_core.scoring import TokenScores, check_numbers, predictions, tokens_read
from ensemble_core.soft_targets import SoftTargets
from ensemble_core.tasks.question import Question

Floats = NDArray[np.float32]

WRONG, RIGHT = "wrong", "right"


def as_candidates(questions: Sequence[Question]) -> list[Question]:
    """Two questions of two classes for each: is this answer right?

    In the style of openai/weak-to-strong's SciQ: the prompt goes on with the right answer (class
    `right`) or with a wrong choice (class `wrong`), one of each, so that the classes balance. Which
    wrong choice depends on the question alone.

    Returns:
        The two candidates of each question side by side, each with an identity of its own.

    Raises:
        StageError: A question has no choices, or its answer is none of them, or all of them.
    """
    return [candidate for question in questions for candidate in _candidates(question)]


def as_choices(questions: Sequence[Question]) -> list[Question]:
    """The same questions, once it is sure that the place of a choice is a class that can be told.

    Raises:
        StageError: A question has no choices, the same one twice, or another number of them than
            most; or the choices differ within a task, and a prompt does not show them.
    """
    usual = Counter(len(q.choices) for q in questions).most_common(1)
    tasks: dict[str, list[Question]] = {}
    for question in questions:
        _check_classes(question, usual[0][0])
        tasks.setdefault(question.task, []).append(question)
    for members in tasks.values():
        if any(question.choices != members[0].choices for question in members):
            _check_shown(members)
    return list(questions)


def class_names(questions: Sequence[Question]) -> tuple[str, ...]:
    """The K classes' names: the choices, or their places (`choice 1` …) where choices differ.

    Raises:
        StageError: There are no questions.
    """
    if not questions:
        raise StageError("there are no questions to classify", hint="the slice is empty")
    first = questions[0].choices
    if all(question.choices == first for question in questions):
        return tuple(name.strip() for name in first)
    return tuple(f"choice {place}" for place in range(1, len(first) + 1))


def check_every_class(questions: Sequence[Question]) -> None:
    """Refuse labelled questions from which a class can't be learned.

    Raises:
        StageError: A class has no example, or as `class_names` and `class_data`.
    """
    names = class_names(questions)
    seen = {_class_of(question, question.answer) for question in questions}
    missing = [name for index, name in enumerate(names) if index not in seen]
    if missing:
        raise StageError(
            f"class `{missing[0]}` has no example",
            where=f"task {questions[0].task}",
            hint="a classifier needs each class among its labelled questions: draw more of them",
        )


def class_data(
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    max_length: int,
    answers: Sequence[str] | None = None,
) -> TokenDataset:
    """Each prompt's tokens, then the class's index as the one answer token, without an end.

    Args:
        tokenizer: The model's.
        questions: With their choices.
        max_length: Longest prompt in tokens; one that is longer loses its beginning.
        answers: Labels, `answers[i]` for `questions[i]`; default: the true answers.

    Raises:
        InputError: The tokenizer has no end of sequence.
        StageError: There are no questions, or an answer is none of its question's choices.
    """
    texts = [q.answer for q in questions] if answers is None else answers
    classes = [_class_of(q, text) for q, text in zip(questions, texts, strict=True)]
    prompts = encode_prompts(tokenizer, questions, max_length=max_length)
    rows = zip(prompts, classes, strict=True)
    return TokenDataset([Encoded((*prompt, index), len(prompt)) for prompt, index in rows])


@dataclass(frozen=True)
class ClassScores:
    """What a classifier expects of n questions."""

    log_probs: Floats
    """Log-probability of each class in nats, shape [n, K]."""
    tokens: int
    """Tokens read."""
    flops: float
    """Estimate, see `costs.inference_flops`."""


@torch.inference_mode()
def score_classes(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    batch_size: int = 64,
    max_length: int | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ClassScores:
    """Read each prompt once; true answers are not read.

    Args:
        model: A classifier, a single one or an ensemble in memory.
        tokenizer: Its tokenizer.
        questions: Their prompts are read.
        batch_size: Questions per batch.
        max_length: Longest prompt in tokens; default: the model's context.
        should_stop: Asked before every batch.

    Raises:
        InputError: The tokenizer has no end of sequence, or an ensemble's experts do not fit.
        StageError: There are no questions, or one has not as many choices as the model classes.
        DivergedError: The model's predictions are not numbers.
        CancelledError: `should_stop` said so.
    """
    classes = count_classes(model)
    for question in questions:
        _check_classes(question, classes)
    limit = context_length(model.config, max_length)
    unlabelled = [question.choices[0] for question in questions]
    data = class_data(tokenizer, questions, max_length=limit, answers=unlabelled)
    log_probs = np.empty((len(data), classes), dtype=np.float32)
    for index, logits in predictions(model, data, batch_size, should_stop):
        log_probs[index] = logits.log_softmax(dim=-1).cpu()
    check_numbers(not np.isnan(log_probs).any())
    tokens = tokens_read(data)
    return ClassScores(log_probs, tokens, inference_flops(model, tokens))


def class_labels(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    soft: bool = False,
    batch_size: int = 64,
    max_length: int | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PseudoLabels:
    """Label each question with its likeliest class, by name.

    With `soft`, the distributions go with `class_data(..., answers=labels.answers)`. Other
    arguments, and what is raised, are those of `score_classes`.
    """
    shared: dict[str, Any] = {"batch_size": batch_size, "max_length": max_length}
    scored = score_classes(model, tokenizer, questions, should_stop=should_stop, **shared)
    order = np.argsort(-scored.log_probs, axis=1, kind="stable")
    best = order[:, 0]
    answers = [q.choices[index] for q, index in zip(questions, best, strict=True)]
    targets = None
    if soft:
        targets = SoftTargets(order, np.take_along_axis(scored.log_probs, order, axis=1), best)
    return PseudoLabels(answers, targets, [True] * len(answers), scored.tokens, scored.flops)


def evaluate_classes(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    metrics: Sequence[str] = tuple(METRICS),
    batch_size: int = 64,
    max_length: int | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Evaluation:
    """Measure a classifier: the rows of `evaluation.evaluate`, for the one token that is a class.

    `accuracy`, `token_accuracy` and `choice_accuracy` are one number here: the likeliest class is
    the true one. `nll` and `ece` are those of the class. `choice_accuracy_norm`, which divides by
    a choice's length, has no row. Arguments are those of `score_classes`.

    Raises:
        InputError: A metric is unknown.
        StageError: A true answer is none of its question's choices, or as `score_classes`.
    """
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise InputError(
            f"no metric is named {unknown[0]!r}", hint=f"take some of {', '.join(METRICS)}"
        )
    truths = [_class_of(question, question.answer) for question in questions]
    shared: dict[str, Any] = {"batch_size": batch_size, "max_length": max_length}
    scored = score_classes(model, tokenizer, questions, should_stop=should_stop, **shared)
    triples = zip(questions, truths, scored.log_probs, strict=True)
    results = [_result(question, truth, row) for question, truth, row in triples]
    measured = [measure(name, results) for name in METRICS if name in metrics]
    rows = [row for row in measured if row is not None]
    return Evaluation(rows, results, scored.tokens, scored.flops)


def measure_classes(
    questions: Sequence[Question], scores: TokenScores, metrics: Sequence[str]
) -> list[Measurement]:
    """The rows of `evaluate_classes`, from the scores of `class_data` of these questions."""
    triples = zip(questions, scores.log_probs, scores.predicted, scores.confidences, strict=True)
    results = [
        QuestionResult(
            id=question.id,
            correct=bool(right := question.choices[int(predicted)] == question.answer),
            tokens=1,
            token_log_probs=(float(log_prob),),
            token_correct=(right,),
            token_confidences=(float(confidence),),
            choice_correct=right,
        )
        for question, log_prob, predicted, confidence in triples
    ]
    measured = [measure(name, results) for name in METRICS if name in metrics]
    return [row for row in measured if row is not None]


def _candidates(question: Question) -> list[Question]:
    wrong = [choice for choice in question.choices if choice != question.answer]
    if not wrong or question.answer not in question.choices:
        raise StageError(
            "a question needs choices, the right answer and a wrong one among them",
            where=_place(question),
            hint="take a task with choices",
        )
    digest = hashlib.sha256(f"candidate\x1f{question.id}".encode()).hexdigest()
    texts = {RIGHT: question.answer, WRONG: Random(digest).choice(wrong)}
    return [
        replace(
            question,
            prompt=question.prompt + text,
            answer=name,
            choices=(WRONG, RIGHT),
            identity=f"{question.id} {name}",
            extract=None,
        )
        for name, text in texts.items()
    ]


def _check_classes(question: Question, classes: int) -> None:
    """Refuse a question that has not as many choices, all different, as there are classes."""
    found = len(question.choices)
    if found < 2:
        what = "a question without choices has no classes"
    elif found != classes:
        what = f"the question has {found} choices, and there are {classes} classes"
    elif len(set(question.choices)) < found:
        what = "a choice stands there twice"
    else:
        return
    raise StageError(
        what,
        where=_place(question),
        hint="take questions with the same number of choices, or classify candidate answers",
    )


def _check_shown(questions: Sequence[Question]) -> None:
    """Refuse a prompt that leaves out choices which differ from question to question."""
    for question in questions:
        hidden = [choice for choice in question.choices if choice.strip() not in question.prompt]
        if hidden:
            raise StageError(
                f"the choices differ from question to question, and the prompt does not show "
                f"`{hidden[0].strip()}`",
                where=_place(question),
                hint="write the choices into the prompt, or classify candidate answers",
            )


def _class_of(question: Question, answer: str) -> int:
    if answer not in question.choices:
        raise StageError(f"the answer `{answer}` is none of the choices", where=_place(question))
    return question.choices.index(answer)


def _place(question: Question) -> str:
    return f"task {question.task}, question {question.id}"


def _result(question: Question, truth: int, log_probs: Floats) -> QuestionResult:
    best = int(log_probs.argmax())
    return QuestionResult(
        id=question.id,
        prediction=question.choices[best],
        correct=best == truth,
        nll=-float(log_probs[truth]),
        tokens=1,
        token_log_probs=(float(log_probs[truth]),),
        token_correct=(best == truth,),
        token_confidences=(float(np.exp(log_probs[best])),),
        choice=best,
        choice_correct=best == truth,
        choice_log_likelihoods=tuple(log_probs.tolist()),
    )
