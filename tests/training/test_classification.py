"""Questions as classes, and what classifiers make of them: learned, labelled, measured."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from class_helpers import SETTINGS, class_log_probs, make_gpt2, make_remainders, token_error
from tiny_models import CONTEXT, make_model

from ensemble_core.classification import (
    as_candidates,
    as_choices,
    check_every_class,
    class_data,
    class_labels,
    class_names,
    evaluate_classes,
)
from ensemble_core.encoding import encode_prompts
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.errors import CancelledError, DivergedError, InputError, StageError
from ensemble_core.models.class_head import add_class_head
from ensemble_core.soft_targets import SoftTargets
from ensemble_core.tasks.question import Extract, Question
from ensemble_core.training import train

METRICS_OF_A_CLASS = ["accuracy", "token_accuracy", "choice_accuracy", "nll", "ece"]


@pytest.fixture(scope="module")
def labelled():
    return as_choices(make_remainders(160, seed=0))


@pytest.fixture(scope="module")
def unseen():
    return as_choices(make_remainders(40, seed=1))


@pytest.fixture(scope="module")
def trained(tokenizer, labelled):
    model = add_class_head(make_model(), 3, 0)
    train(model, class_data(tokenizer, labelled, max_length=CONTEXT), SETTINGS, seed=0)
    return model


def test_each_question_becomes_a_right_and_a_wrong_candidate(questions):
    candidates = as_candidates(questions)
    assert len({c.id for c in candidates}) == len(candidates) == 2 * len(questions)
    for question, right, wrong in zip(questions, candidates[::2], candidates[1::2], strict=True):
        assert right.prompt == question.prompt + question.answer
        assert (right.answer, right.answer_index) == ("right", 1)
        shown = wrong.prompt.removeprefix(question.prompt)
        assert shown in set(question.choices) - {question.answer}
        assert (wrong.answer, wrong.answer_index) == ("wrong", 0)
    assert candidates == as_candidates(questions)
    alone = as_candidates(questions[5:6])
    assert alone == candidates[10:12]
    assert len({c.prompt[-2:] for c in candidates[1::2]}) > 3
    assert class_names(candidates) == ("wrong", "right")


def test_wrong_candidates_come_from_every_place_among_the_choices():
    questions = [Question(f"{i}?", " a", (" a", " b", " c")) for i in range(300)]
    shown = [wrong.prompt[-1] for wrong in as_candidates(questions)[1::2]]
    assert 110 < shown.count("b") < 190


def test_candidates_keep_what_slices_select_by():
    question = Question(
        "1+1=", " 2", (" 2", " 3"), difficulty="easy", task="sums", split="train",
        attributes={"grade": 3.0}, extract=Extract(r"(\d)"),
    )  # fmt: skip
    for candidate in as_candidates([question]):
        assert candidate.difficulty == "easy"
        assert (candidate.task, candidate.split) == ("sums", "train")
        assert candidate.attributes == {"grade": 3.0}
        assert candidate.is_answered_by(candidate.answer)


@pytest.mark.parametrize("choices", [(), (" 2",), (" 3", " 4")])
def test_candidates_need_choices_with_the_answer_and_a_wrong_one(choices):
    question = Question("1+1=", " 2", choices, task="sums")
    with pytest.raises(StageError, match=f"task sums, question {question.id}.*needs choices"):
        as_candidates([question])


def test_choices_may_differ_where_the_prompt_shows_them():
    shown = [Question(f"A {a} B {b} ?", f" {b}", (f" {a}", f" {b}")) for a, b in ("xy", "zw")]
    assert as_choices(shown) == shown
    assert class_names(shown) == ("choice 1", "choice 2")
    hidden = replace(shown[1], prompt="A z B ?")
    with pytest.raises(StageError, match="does not show `w`") as error:
        as_choices([shown[0], hidden])
    assert error.value.where == f"task , question {hidden.id}"


def test_choices_may_differ_between_tasks():
    asked = [
        Question("a?", " no", (" no", " yes"), task="one"),
        Question("b?", " true", (" false", " true"), task="two"),
    ]
    assert as_choices(asked) == asked
    with pytest.raises(StageError, match="task one"):
        as_choices([replace(question, task="one") for question in asked])


@pytest.mark.parametrize(
    ("choices", "match"),
    [
        ((), "without choices"),
        ((" no", " yes", " both"), "3 choices, and there are 2 classes"),
        ((" no", " no"), "twice"),
    ],
)
def test_choices_that_are_no_classes(choices, match):
    usual = [Question(f"{i}?", " no", (" no", " yes"), task="t") for i in range(3)]
    odd = Question("odd?", " no", choices, task="t")
    with pytest.raises(StageError, match=f"task t, question {odd.id}.*{match}"):
        as_choices([odd, *usual])


def test_every_class_needs_an_example(labelled):
    check_every_class(labelled)
    with pytest.raises(StageError, match="task left: class `two` has no example"):
        check_every_class([q for q in labelled if q.answer != " two"])
    with pytest.raises(StageError, match="no questions"):
        check_every_class([])


def test_an_example_is_the_prompt_and_the_class(tokenizer, labelled):
    data = class_data(tokenizer, labelled, max_length=CONTEXT)
    prompts = encode_prompts(tokenizer, labelled, max_length=CONTEXT)
    assert [list(e.prompt_ids) for e in data.examples] == prompts
    assert [e.answer_ids for e in data.examples] == [(q.answer_index,) for q in labelled]
    relabelled = class_data(tokenizer, labelled, max_length=5, answers=[" two"] * len(labelled))
    assert set(relabelled.answer_tokens) == {2}
    assert relabelled.prompt_lengths.max() == 5
    with pytest.raises(StageError, match=f"question {labelled[0].id}: the answer `three` is none"):
        class_data(tokenizer, labelled[:1], max_length=CONTEXT, answers=["three"])


def test_a_classifier_learns_from_choices(trained, tokenizer, unseen):
    assert (evaluate_classes(trained, tokenizer, unseen).value("accuracy") or 0) > 0.8


def test_a_classifier_learns_which_candidate_is_right(tokenizer):
    rng = random.Random(0)
    pairs = [(rng.choice("abcd"), rng.randrange(90)) for _ in range(150)]
    choices = tuple(f" {letter}" for letter in "wxyz")
    asked = [
        Question(f"{n}{letter}:", f" {'wxyz'['abcd'.index(letter)]}", choices)
        for letter, n in dict.fromkeys(pairs)
    ]
    train_on, test_on = as_candidates(asked[:110]), as_candidates(asked[110:])
    model = add_class_head(make_model(), 2, 0)
    data = class_data(tokenizer, train_on, max_length=CONTEXT)
    train(model, data, SETTINGS.model_copy(update={"epochs": 15}), seed=0)
    assert (evaluate_classes(model, tokenizer, test_on).value("accuracy") or 0) > 0.8


def test_metrics_equal_a_loop(trained, tokenizer, unseen):
    log_probs = class_log_probs(trained, tokenizer, unseen)
    truth = np.array([q.answer_index for q in unseen])
    right = log_probs.argmax(axis=1) == truth
    nll, sure = -log_probs[np.arange(40), truth], np.exp(log_probs.max(axis=1))
    gap = 0.0
    for bin_ in range(15):
        inside = (sure > bin_ / 15) & (sure <= (bin_ + 1) / 15)
        gap += abs(right[inside].sum() - sure[inside].sum()) / 40
    result = evaluate_classes(trained, tokenizer, unseen, batch_size=7)
    assert sorted(row.metric for row in result.rows) == sorted(METRICS_OF_A_CLASS)
    assert {row.n for row in result.rows} == {40}
    for metric in METRICS_OF_A_CLASS[:3]:
        row = next(row for row in result.rows if row.metric == metric)
        assert row.value == right.mean()
        assert row.stderr == pytest.approx(right.std(ddof=1) / math.sqrt(40))
    assert result.value("nll") == pytest.approx(nll.mean(), abs=1e-5)
    assert result.value("ece") == pytest.approx(gap, abs=1e-5)
    assert result.tokens >= sum(len(tokenizer(q.prompt.rstrip())["input_ids"]) for q in unseen)
    for question, told, row in zip(unseen, result.questions, log_probs, strict=True):
        assert told.id == question.id
        assert told.prediction == question.choices[row.argmax()]
        np.testing.assert_allclose(told.choice_log_likelihoods, row, atol=1e-4)
    alone = evaluate_classes(trained, tokenizer, unseen, metrics=["nll"])
    assert [row.metric for row in alone.rows] == ["nll"]
    assert list(result.frame()["correct"]) == right.tolist()


def test_soft_labels_of_an_ensemble_are_its_class_distributions(trained, tokenizer, unseen):
    other = add_class_head(make_model(3), 3, 5)
    ensemble = TokenEnsembleForCausalLM.from_experts([trained, other], [3.0, 1.0])
    p, q = (np.exp(class_log_probs(m, tokenizer, unseen)) for m in (trained, other))
    mean = 0.75 * p + 0.25 * q
    unlabelled = [replace(question, answer="") for question in unseen]
    labels = class_labels(ensemble, tokenizer, unlabelled, soft=True, batch_size=9)
    assert labels.answers == [
        question.choices[best]
        for question, best in zip(unseen, mean.argmax(axis=1), strict=True)
    ]  # fmt: skip
    assert all(labels.ended)
    assert labels.targets is not None
    order = np.argsort(-mean, axis=1)
    np.testing.assert_array_equal(labels.targets.indices, order)
    np.testing.assert_allclose(
        np.exp(labels.targets.log_probs), np.take_along_axis(mean, order, axis=1), atol=1e-5
    )
    assert class_labels(ensemble, tokenizer, unlabelled).targets is None


def test_a_student_learns_an_ensembles_soft_labels(trained, tokenizer, labelled, tmp_path):
    labels = class_labels(trained, tokenizer, labelled, soft=True)
    assert labels.targets is not None
    labels.targets.save(tmp_path / "soft.safetensors")
    data = class_data(tokenizer, labelled, max_length=CONTEXT, answers=labels.answers)
    student = add_class_head(make_gpt2(), 3, 0)
    soft = SoftTargets.load(tmp_path / "soft.safetensors")
    log = train(student, data, SETTINGS, seed=0, soft_targets=soft, loss="confidence")
    assert log.losses[-1] < 0.7 * log.losses[0]
    assert token_error(student, data) < 0.3


def test_what_a_classifier_can_not_measure(trained, tokenizer, unseen):
    with pytest.raises(InputError, match="'bleu'"):
        evaluate_classes(trained, tokenizer, unseen, metrics=["bleu"])
    with pytest.raises(StageError, match="no examples"):
        evaluate_classes(trained, tokenizer, [])
    two = Question("left of 5", " one", (" none", " one"))
    with pytest.raises(StageError, match="2 choices, and there are 3 classes"):
        evaluate_classes(trained, tokenizer, [two])
    with pytest.raises(StageError, match="is none of the choices"):
        evaluate_classes(trained, tokenizer, [replace(unseen[0], answer=" three")])
    with pytest.raises(CancelledError):
        class_labels(trained, tokenizer, unseen, should_stop=lambda: True)
    broken = add_class_head(make_model(), 3, 0)
    torch.nn.init.constant_(broken.get_output_embeddings().weight, math.nan)
    with pytest.raises(DivergedError):
        class_labels(broken, tokenizer, unseen)


def test_experts_with_different_numbers_of_classes(tokenizer, unseen):
    experts = [add_class_head(make_model(), classes, 0) for classes in (2, 3)]
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, [1.0, 1.0])
    with pytest.raises(InputError, match="different numbers of classes: 2, 3"):
        class_labels(ensemble, tokenizer, unseen)
