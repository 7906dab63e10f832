"""Evaluation: one decoding and one scoring pass over the questions, then every metric from them."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ensemble_core.candidates import CandidateScores, candidates_of, score_candidates
from ensemble_core.costs import inference_flops
from ensemble_core.decoding import Decoded
from ensemble_core.errors import InputError, StageError
from ensemble_core.judging import Judge, judge_answers
from ensemble_core.longform import TEXT_MEASURES
from ensemble_core.measuring import (
    CHOICE_METRICS,
    DECODED_METRICS,
    LONG_METRICS,
    METRICS,
    STANDARD_METRICS,
    STEP_METRICS,
    Measurement,
    QuestionResult,
    measure,
    measure_by_position,
)
from ensemble_core.models.context import context_length
from ensemble_core.scoring import token_errors, tokens_read
from ensemble_core.steps import StepSettings, first_error
from ensemble_core.tasks.question import Question
from ensemble_core.writing import Writer, Written, write_tokens

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["METRICS", "Evaluation", "Measurement", "QuestionResult", "evaluate", "token_errors"]


@dataclass(frozen=True)
class LongForm:
    """What measures of long answers need besides their names."""

    steps: StepSettings | None = None
    """How answers fall into steps; for `steps_correct` and `first_error`."""
    judge: Judge | None = None
    """Who reads the answers; for `coherence`."""
    by_position: bool = False
    """Whether to add rows by position, see `measuring.measure_by_position`."""


@dataclass(frozen=True)
class Evaluation:
    """Measurements and what they are made of."""

    rows: list[Measurement]
    questions: list[QuestionResult]
    """In the order of the questions."""
    tokens: int
    """Tokens read or written."""
    flops: float
    """Estimate, see `costs.inference_flops`."""

    def value(self, metric: str) -> float | None:
        """A metric's value; None where it was not measured."""
        return next((row.value for row in self.rows if row.metric == metric), None)

    def frame(self) -> "pd.DataFrame":
        """One row per question, a column per field of `QuestionResult`.

        Fields of long answers have one only where they were measured.
        """
        import pandas as pd

        names = [
            name
            for name in QuestionResult.__dataclass_fields__
            if name not in _LONG_FIELDS or any(getattr(q, name) is not None for q in self.questions)
        ]
        return pd.DataFrame({name: [getattr(q, name) for q in self.questions] for name in names})


_SHORT = LongForm()
_LONG_FIELDS = (LONG_METRICS - STEP_METRICS) | {"steps", "first_error"}


def evaluate(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    metrics: Sequence[str] = STANDARD_METRICS,
    batch_size: int = 64,
    max_new_tokens: int = 32,
    max_length: int | None = None,
    should_stop: Callable[[], bool] | None = None,
    long_form: LongForm = _SHORT,
    write: Writer = write_tokens,
) -> Evaluation:
    """Measure a causal LM, a single one or the ensemble; `measuring.METRICS` says by what.

    Args:
        model: Read in evaluation mode; its mode is put back.
        tokenizer: Its tokenizer.
        questions: With their true answers.
        metrics: Names out of `METRICS`.
        batch_size: Examples per forward pass.
        max_new_tokens: Longest decoded answer, end of sequence included.
        max_length: Longest prompt and answer in tokens; default: the model's context.
        should_stop: Asked before every batch.
        long_form: What measures of long answers need.
        write: Who writes the answers that are decoded.

    Raises:
        InputError: A metric is unknown or lacks its part of `long_form`, or as `decode`.
        StageError: There are no questions, an answer does not fit the context, or a true answer
            is none of its question's choices.
        CancelledError: `should_stop` said so.
    """
    wanted = _checked(metrics, questions)
    _check_long_form(wanted, long_form)
    choices = bool(wanted & CHOICE_METRICS)
    truths = [_truth(question, choices) for question in questions]
    limit = context_length(model.config, max_length)
    shared: dict[str, Any] = {
        "batch_size": batch_size,
        "max_length": limit,
        "should_stop": should_stop,
    }
    written = scored = None
    if wanted & DECODED_METRICS:
        written = write(model, tokenizer, questions, max_new_tokens=max_new_tokens, **shared)
    if wanted - DECODED_METRICS:
        scored = score_candidates(model, tokenizer, questions, choices=choices, **shared)
    results = [
        _result(question, i, truth, written.answers if written else None, scored)
        for i, (question, truth) in enumerate(zip(questions, truths, strict=True))
    ]
    tokens = (written.tokens if written else 0) + (tokens_read(scored.data) if scored else 0)
    evaluation = Evaluation([], results, tokens, inference_flops(model, tokens))
    if written and wanted & LONG_METRICS:
        evaluation = _read(evaluation, questions, written, wanted, long_form, shared)
    rows = _measured(wanted, evaluation.questions)
    if long_form.by_position:
        rows += measure_by_position([row.metric for row in rows], evaluation.questions)
    return replace(evaluation, rows=rows)


def measure_candidates(
    scored: CandidateScores, questions: Sequence[Question], metrics: Sequence[str]
) -> tuple[list[Measurement], list[QuestionResult]]:
    """What `evaluate` measures without decoding, from candidates that were scored already.

    Args:
        scored: Of these questions; with their choices where `metrics` has a choice metric.
        questions: With their true answers.
        metrics: Names out of `METRICS`; those of decoded answers are left out.

    Raises:
        InputError, StageError: As `evaluate`.
    """
    wanted = _checked(metrics, questions) - DECODED_METRICS
    choices = bool(wanted & CHOICE_METRICS)
    results = [
        _result(question, i, _truth(question, choices), None, scored)
        for i, question in enumerate(questions)
    ]
    return _measured(wanted, results), results


def _measured(wanted: AbstractSet[str], results: Sequence[QuestionResult]) -> list[Measurement]:
    measured = [measure(name, results) for name in METRICS if name in wanted]
    return [row for row in measured if row is not None]


def _check_long_form(wanted: AbstractSet[str], long_form: LongForm) -> None:
    lacking = long_form.steps is None and wanted & STEP_METRICS
    if lacking:
        raise InputError(
            f"`{min(lacking)}` needs answers that are steps",
            hint="the task card says how with `steps`",
        )
    if long_form.judge is None and "coherence" in wanted:
        raise InputError("`coherence` needs a judge", hint="a model that is none of the experts")


def _read(
    evaluation: Evaluation,
    questions: Sequence[Question],
    written: Written,
    wanted: AbstractSet[str],
    long_form: LongForm,
    shared: dict[str, Any],
) -> Evaluation:
    """Add what is measured of the written texts, and what their judge spent."""
    fields: list[dict[str, Any]] = [
        {name: TEXT_MEASURES[name](answer.token_ids) for name in TEXT_MEASURES if name in wanted}
        for answer in written.answers
    ]
    if long_form.steps is not None and wanted & STEP_METRICS:
        for each, question, answer in zip(fields, questions, written.answers, strict=True):
            verdicts = long_form.steps.judge(question, answer.text)
            each |= {"steps": tuple(verdicts), "first_error": first_error(verdicts)}
    tokens, flops = evaluation.tokens, evaluation.flops
    if long_form.judge is not None and "coherence" in wanted:
        how = {name: shared[name] for name in ("batch_size", "should_stop")}
        judged = judge_answers(long_form.judge, questions, written.answers, **how)
        tokens, flops = tokens + judged.tokens, flops + judged.flops
        for each, nll in zip(fields, judged.nll, strict=True):
            each["coherence"] = nll
    pairs = zip(evaluation.questions, fields, strict=True)
    return Evaluation([], [replace(result, **each) for result, each in pairs], tokens, flops)


def _checked(metrics: Sequence[str], questions: Sequence[Question]) -> frozenset[str]:
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise InputError(
            f"no metric is named {unknown[0]!r}", hint=f"take some of {', '.join(METRICS)}"
        )
    if not questions:
        raise StageError("there are no questions to evaluate", hint="the slice is empty")
    return frozenset(metrics)


def _truth(question: Question, choices: bool) -> int:
    """Which of the candidates is the true answer."""
    candidates = candidates_of(question, choices)
    if question.answer not in candidates:
        raise StageError("the true answer is none of the choices", where=f"question {question.id}")
    return candidates.index(question.answer)


def _result(
    question: Question,
    index: int,
    truth: int,
    decoded: Sequence[Decoded] | None,
    scored: CandidateScores | None,
) -> QuestionResult:
    fields: dict[str, Any] = {"id": question.id}
    if decoded is not None:
        text = decoded[index].text
        fields |= {"prediction": text, "correct": question.is_answered_by(text)}
    if scored is not None:
        fields |= _token_fields(scored, index, truth) | _choice_fields(scored, index, question)
    return QuestionResult(**fields)


def _token_fields(scored: CandidateScores, index: int, truth: int) -> dict[str, Any]:
    tokens = scored.answer_tokens(index, truth)
    scores, wanted = scored.scores, scored.data.answer_tokens[tokens]
    return {
        "nll": -float(scores.log_probs[tokens].mean(dtype="float64")),
        "tokens": len(wanted),
        "token_log_probs": tuple(scores.log_probs[tokens].tolist()),
        "token_correct": tuple((scores.predicted[tokens] == wanted).tolist()),
        "token_confidences": tuple(scores.confidences[tokens].tolist()),
    }


def _choice_fields(scored: CandidateScores, index: int, question: Question) -> dict[str, Any]:
    likelihoods = scored.log_likelihoods(index)
    if likelihoods is None:
        return {}
    lengths = [max(1, len(choice.strip())) for choice in question.choices]
    plain, norm = int(likelihoods.argmax()), int((likelihoods / lengths).argmax())
    return {
        "choice": plain,
        "choice_correct": plain == question.answer_index,
        "choice_norm": norm,
        "choice_norm_correct": norm == question.answer_index,
        "choice_log_likelihoods": tuple(likelihoods.tolist()),
    }
