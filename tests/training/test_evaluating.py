"""Every metric against a loop that reads one candidate at a time."""

import math

import numpy as np
import pytest
import torch
from tiny_models import CONTEXT, make_model

from ensemble_core.choosing import choice_labels
from ensemble_core.encoding import encode
from ensemble_core.errors import CancelledError, InputError, StageError
from ensemble_core.evaluation import evaluate
from ensemble_core.measuring import STANDARD_METRICS
from ensemble_core.settings import TrainingSettings
from ensemble_core.tasks.question import Extract, Question
from ensemble_core.training import train


@pytest.fixture(scope="module")
def trained(data):
    model = make_model(1)
    train(model, data, TrainingSettings(epochs=12, batch_size=8, learning_rate=1e-2), seed=0)
    return model


@pytest.fixture(scope="module")
def evaluation(trained, tokenizer, questions):
    return evaluate(trained, tokenizer, questions, max_new_tokens=6, batch_size=7)


@torch.no_grad()
def answer_log_probs(model, tokenizer, question, answer):
    """The distribution at each token of an answer, [m, V] in float64, and the tokens [m]."""
    encoded = encode(tokenizer, question, max_length=CONTEXT, answer=answer)
    logits = model(input_ids=torch.tensor([encoded.input_ids])).logits[0].double()
    return logits.log_softmax(-1)[encoded.prompt_length - 1 : -1], list(encoded.answer_ids)


def loop_over_tokens(model, tokenizer, questions):
    """One (nll, right, confidence, question) per answer token."""
    rows = []
    for number, question in enumerate(questions):
        log_probs, tokens = answer_log_probs(model, tokenizer, question, question.answer)
        for row, token in zip(log_probs, tokens, strict=True):
            confidence = float(row.exp().max())
            rows.append((-float(row[token]), int(row.argmax()) == token, confidence, number))
    return [np.array(column) for column in zip(*rows, strict=True)]


def ratio_standard_error(values, cluster):
    """Delta method for a ratio of sums over clusters."""
    sums = np.array([values[cluster == c].sum() for c in np.unique(cluster)])
    sizes = np.array([(cluster == c).sum() for c in np.unique(cluster)])
    residuals = sums - sums.sum() / sizes.sum() * sizes
    return residuals.std(ddof=1) * math.sqrt(len(sums)) / sizes.sum()


def row_of(evaluation, metric):
    return next(row for row in evaluation.rows if row.metric == metric)


def test_rows_come_in_the_order_of_the_metrics(evaluation):
    assert [row.metric for row in evaluation.rows] == list(STANDARD_METRICS)


def test_token_metrics_equal_a_loop(evaluation, trained, tokenizer, questions):
    nll, right, confidence, cluster = loop_over_tokens(trained, tokenizer, questions)
    for metric, values in (("nll", nll), ("token_accuracy", right.astype(float))):
        row = row_of(evaluation, metric)
        assert row.n == len(values)
        assert row.value == pytest.approx(values.mean(), abs=1e-5)
        assert row.stderr == pytest.approx(ratio_standard_error(values, cluster), rel=1e-3)
    expected = 0.0
    for bin_ in range(15):
        inside = (confidence > bin_ / 15) & (confidence <= (bin_ + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert row_of(evaluation, "ece").value == pytest.approx(expected, abs=1e-5)
    assert row_of(evaluation, "ece").stderr is None


def test_choice_metrics_equal_a_loop(evaluation, trained, tokenizer, questions):
    plain, norm = [], []
    for question, result in zip(questions, evaluation.questions, strict=True):
        sums = []
        for choice in question.choices:
            log_probs, tokens = answer_log_probs(trained, tokenizer, question, choice)
            pairs = zip(log_probs[:-1], tokens[:-1], strict=True)  # without end of sequence
            sums.append(sum(float(row[token]) for row, token in pairs))
        lengths = [len(choice.strip()) for choice in question.choices]
        best = int(np.argmax(sums))
        best_norm = int(np.argmax([s / n for s, n in zip(sums, lengths, strict=True)]))
        plain.append(question.choices[best] == question.answer)
        norm.append(question.choices[best_norm] == question.answer)
        assert (result.choice, result.choice_norm) == (best, best_norm)
        np.testing.assert_allclose(result.choice_log_likelihoods, sums, atol=1e-4)
    for metric, values in (("choice_accuracy", plain), ("choice_accuracy_norm", norm)):
        row = row_of(evaluation, metric)
        assert (row.value, row.n) == (np.mean(values), len(questions))
        assert row.stderr == pytest.approx(np.std(values, ddof=1) / math.sqrt(len(values)))
    assert 0.2 < np.mean(plain) < 1


def test_accuracy_is_exact_match_of_the_decoded_answer(evaluation, questions):
    right = [
        result.prediction is not None and result.prediction.strip() == question.answer.strip()
        for question, result in zip(questions, evaluation.questions, strict=True)
    ]
    assert [result.correct for result in evaluation.questions] == right
    assert row_of(evaluation, "accuracy").value == np.mean(right)
    assert 0 < np.mean(right) < 1


def test_final_answer_is_extracted_from_a_long_one(trained, tokenizer):
    question = Question("1+2=", " so it is #3", extract=Extract(r"(\d+)", take="last"))
    result = evaluate(trained, tokenizer, [question], metrics=["accuracy"], max_new_tokens=6)
    prediction = result.questions[0].prediction or ""
    digits = "".join(c if c.isdigit() else " " for c in prediction).split()
    assert result.questions[0].correct == (digits[-1:] == ["3"])
    assert result.rows[0].stderr is None


def test_metrics_are_the_same_asked_for_one_by_one(evaluation, trained, tokenizer, questions):
    for metric in STANDARD_METRICS:
        alone = evaluate(trained, tokenizer, questions, metrics=[metric], max_new_tokens=6)
        assert [row.metric for row in alone.rows] == [metric]
        assert alone.rows[0].value == pytest.approx(row_of(evaluation, metric).value, abs=1e-5)


def test_questions_without_choices_have_no_choice_accuracy(trained, tokenizer):
    plain, choosing = Question("1+2=", " 3"), Question("2+2=", " 4", (" 4", " 5"))
    none = evaluate(trained, tokenizer, [plain], metrics=["choice_accuracy", "nll"])
    assert [row.metric for row in none.rows] == ["nll"]
    mixed = evaluate(trained, tokenizer, [plain, choosing], metrics=["choice_accuracy"])
    assert mixed.rows[0].n == 1
    assert [q.choice is None for q in mixed.questions] == [True, False]


def test_frame_has_a_row_per_question(evaluation, questions, tmp_path):
    frame = evaluation.frame()
    assert list(frame["id"]) == [q.id for q in questions]
    assert frame["correct"].mean() == evaluation.value("accuracy")
    assert sum(frame["tokens"]) == row_of(evaluation, "nll").n
    frame.to_parquet(tmp_path / "questions.parquet")


def test_cost_counts_tokens(evaluation, trained):
    multiplied = sum(p.numel() for n, p in trained.named_parameters() if "embed_in" not in n)
    assert evaluation.flops == 2 * multiplied * evaluation.tokens
    assert evaluation.tokens > sum(q.tokens or 0 for q in evaluation.questions)


def test_no_questions(trained, tokenizer):
    with pytest.raises(StageError, match="no questions"):
        evaluate(trained, tokenizer, [])


def test_unknown_metric(trained, tokenizer, questions):
    with pytest.raises(InputError, match="'bleu'"):
        evaluate(trained, tokenizer, questions, metrics=["bleu"])


def test_true_answer_outside_the_choices(trained, tokenizer):
    question = Question("1+2=", " 3", (" 4", " 5"))
    with pytest.raises(StageError, match=question.id):
        evaluate(trained, tokenizer, [question], metrics=["choice_accuracy"])
    assert evaluate(trained, tokenizer, [question], metrics=["nll"]).rows[0].n == 3


def test_choices_can_be_labelled_without_a_true_answer(trained, tokenizer):
    unlabelled = Question("1+2=", "", (" 4", " 5"))
    assert choice_labels(trained, tokenizer, [unlabelled]).answers[0] in unlabelled.choices


def test_stop(trained, tokenizer, questions):
    for metric in ("accuracy", "nll"):
        with pytest.raises(CancelledError):
            evaluate(
                trained,
                tokenizer,
                questions,
                metrics=[metric],
                max_new_tokens=6,
                should_stop=lambda: True,
            )
