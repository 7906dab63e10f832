"""Every prefix of an ensemble on one set of questions, and how its experts differ there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ensemble_core import diversity
from ensemble_core.candidates import CandidateScores, candidate_data
from ensemble_core.classification import class_data, measure_classes
from ensemble_core.costs import inference_flops
from ensemble_core.encoding import TokenDataset
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.evaluation import measure_candidates
from ensemble_core.measuring import CHOICE_METRICS, Measurement, QuestionResult, measure
from ensemble_core.models.context import context_length
from ensemble_core.scoring import TokenScores, score_tokens, tokens_read
from ensemble_core.staged import StagedScores, score_prefixes
from ensemble_core.tasks.question import Question


@dataclass(frozen=True)
class StagedEvaluation:
    """What the first t experts do together, and how all of them differ."""

    prefixes: list[list[Measurement]]
    """The first t experts, t = 1..T."""
    diversity: list[Measurement]
    """`disagreement`, `error_correlation`, `double_fault`, `ambiguity`; empty for one expert."""
    tokens: int
    """Tokens read."""
    flops: float
    """Estimate, see `costs.inference_flops`."""


def evaluate_prefixes(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    metrics: Sequence[str],
    batch_size: int = 64,
    should_stop: Callable[[], bool] | None = None,
) -> StagedEvaluation:
    """Measure all prefixes of an ensemble in one pass over the questions; nothing is decoded.

    `accuracy` is read off the true answer's tokens: greedy decoding writes it exactly if each of
    them, end of sequence included, is the likeliest after the true ones before. Where a final
    answer has to be extracted from a long one that says too little, and accuracy is left out.

    Args:
        model: The ensemble, or one expert, which is its own only prefix.
        tokenizer: Its tokenizer.
        questions: With their true answers.
        metrics: Names out of `measuring.METRICS`.
        batch_size: Examples per forward pass.
        should_stop: Asked before every batch.

    Raises:
        InputError, StageError, CancelledError, DivergedError: As `evaluation.evaluate`.
    """
    choices = bool(CHOICE_METRICS & set(metrics))
    limit = context_length(model.config)
    data, firsts = candidate_data(tokenizer, questions, choices=choices, max_length=limit)
    scores = _scores(model, data, batch_size, should_stop)
    prefixes = [
        _measured(CandidateScores(data, each, firsts), questions, metrics)
        for each in scores.prefixes
    ]
    truths = _true_tokens(CandidateScores(data, scores.experts[0], firsts), questions, choices)
    return _evaluation(model, data, scores, prefixes, truths)


def evaluate_class_prefixes(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    metrics: Sequence[str],
    batch_size: int = 64,
    should_stop: Callable[[], bool] | None = None,
) -> StagedEvaluation:
    """`evaluate_prefixes` of classifiers; `questions` are classes, see `classification`.

    Raises:
        InputError, StageError, CancelledError, DivergedError: As `classification.evaluate_classes`.
    """
    limit = context_length(model.config)
    data = class_data(tokenizer, questions, max_length=limit)
    scores = _scores(model, data, batch_size, should_stop)
    prefixes = [measure_classes(questions, each, metrics) for each in scores.prefixes]
    return _evaluation(model, data, scores, prefixes, np.arange(len(data)))


def _scores(
    model: Any, data: TokenDataset, batch_size: int, should_stop: Callable[[], bool] | None
) -> StagedScores:
    how: dict[str, Any] = {"batch_size": batch_size, "should_stop": should_stop}
    if isinstance(model, TokenEnsembleForCausalLM):
        return score_prefixes(model, data, **how)
    alone = (score_tokens(model, data, **how),)
    return StagedScores(alone, alone)


def _evaluation(
    model: Any,
    data: TokenDataset,
    scores: StagedScores,
    prefixes: list[list[Measurement]],
    truths: Any,
) -> StagedEvaluation:
    tokens = tokens_read(data)
    return StagedEvaluation(
        prefixes,
        _diversity(scores, data.answer_tokens, truths),
        tokens,
        inference_flops(model, tokens),
    )


def _measured(
    scored: CandidateScores, questions: Sequence[Question], metrics: Sequence[str]
) -> list[Measurement]:
    rows, results = measure_candidates(scored, questions, metrics)
    if "accuracy" not in metrics:
        return rows
    exact = [_with_exact(question, r) for question, r in zip(questions, results, strict=True)]
    accuracy = measure("accuracy", exact)
    return rows if accuracy is None else [accuracy, *rows]


def _with_exact(question: Question, result: QuestionResult) -> QuestionResult:
    if question.extract is not None or result.token_correct is None:
        return result
    return replace(result, correct=all(result.token_correct))


def _true_tokens(
    scored: CandidateScores, questions: Sequence[Question], choices: bool
) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """The answer tokens, among all candidates', of the true answers."""
    pieces: list[Any] = []
    for index, question in enumerate(questions):
        place = question.answer_index if choices and question.choices else 0
        tokens = scored.answer_tokens(index, place)
        pieces.append(np.arange(tokens.start, tokens.stop))
    return np.concatenate(pieces)


def _diversity(scores: StagedScores, truth: Any, tokens: Any) -> list[Measurement]:
    """Of the experts' likeliest tokens at the true answers' places."""
    if len(scores.experts) < 2:
        return []
    predicted = np.stack([expert.predicted[tokens] for expert in scores.experts])
    correct = predicted == truth[tokens]
    nll = [_nll(each, tokens) for each in (*scores.experts, scores.prefixes[-1])]
    found = {
        "disagreement": diversity.disagreement(predicted).value,
        "error_correlation": diversity.error_correlation(correct).value,
        "double_fault": diversity.double_fault(correct).value,
        "ambiguity": float(np.mean(nll[:-1])) - nll[-1],
    }
    return [
        Measurement(name, value, None, len(tokens))
        for name, value in found.items()
        if value is not None
    ]


def _nll(scores: TokenScores, tokens: Any) -> float:
    return -float(scores.log_probs[tokens].mean(dtype=np.float64))
