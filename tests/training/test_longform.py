"""Measures of long answers against loops over the same texts."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from tiny_models import CONTEXT, make_model

from ensemble_core.decoding import decode
from ensemble_core.encoding import encode
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.errors import InputError
from ensemble_core.evaluation import LongForm, evaluate
from ensemble_core.judging import Judge, judge_answers
from ensemble_core.longform import bin_of, by_bin, distinct_n, repetition
from ensemble_core.settings import TrainingSettings
from ensemble_core.steps import StepSettings
from ensemble_core.tasks.question import Question
from ensemble_core.training import train
from ensemble_core.writing import write_sequences

LONG = ["accuracy", "steps_correct", "first_error", "repetition", "distinct_2", "coherence"]


@pytest.fixture(scope="module")
def experts(data):
    """Three that were trained on the same sums: their answers differ."""
    models = [make_model(seed) for seed in (1, 2, 3)]
    for seed, model in enumerate(models):
        settings = TrainingSettings(epochs=12, batch_size=8, learning_rate=1e-2)
        train(model, data, settings, seed=seed)
    return models


@pytest.fixture(scope="module")
def ensemble(experts):
    return TokenEnsembleForCausalLM.from_experts(experts, [1.0, 2.0, 1.5])


@torch.no_grad()
def nll_of(model, tokenizer, question, text, ended):
    """Mean -log p of an answer's tokens, one answer at a time."""
    encoded = encode(tokenizer, question, max_length=CONTEXT, answer=text)
    ids, start = list(encoded.input_ids), encoded.prompt_length
    if not ended and len(ids) > start + 1:
        ids = ids[:-1]
    logits = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return -float(np.mean([logits[i - 1, ids[i]] for i in range(start, len(ids))]))


@pytest.mark.parametrize("n", [1, 2, 4])
def test_repetition_counts_the_ngrams_seen_before(n):
    rng = np.random.default_rng(n)
    tokens = rng.integers(0, 3, size=60).tolist()
    grams = Counter(tuple(tokens[i : i + n]) for i in range(60 - n + 1))
    repeats = sum(count - 1 for count in grams.values())
    assert repetition(tokens, n) == pytest.approx(repeats / (60 - n + 1))
    assert distinct_n(tokens, n) == pytest.approx(len(grams) / (60 - n + 1))


def test_the_ends_of_repetition():
    assert repetition([7] * 40) == pytest.approx(1 - 1 / 37)
    assert repetition(list(range(40))) == 0
    assert repetition([1, 2, 3]) is None
    assert distinct_n([1]) is None


def test_bins_double_and_leave_no_gap():
    bins = [bin_of(position) for position in range(1, 2049)]
    assert list(dict.fromkeys(bins)) == [
        (1, 8), (9, 16), (17, 32), (33, 64), (65, 128), (129, 256), (257, 512), (513, 1024),
        (1025, 2048),
    ]  # fmt: skip
    assert all(low <= position <= high for position, (low, high) in enumerate(bins, 1))


def test_values_are_sorted_into_bins_with_their_answers():
    found = by_bin([[1.0] * 10, [None, 0.0]])
    assert found == {(1, 8): ([1.0] * 8 + [0.0], [0] * 8 + [1]), (9, 16): ([1.0, 1.0], [0, 0])}


def test_rows_by_position_equal_a_loop(experts, tokenizer):
    long = [Question(f"{n}=", str(n) * 9, task="rows") for n in range(12, 22)]
    metrics = ["token_accuracy", "nll", "ece"]
    how = {"metrics": metrics, "batch_size": 4}
    plain = evaluate(experts[0], tokenizer, long, **how)
    found = evaluate(experts[0], tokenizer, long, long_form=LongForm(by_position=True), **how)
    assert found.rows[:3] == plain.rows
    rows = {row.metric: row for row in found.rows[3:]}
    assert list(rows) == [f"{m}@{b}" for m in metrics[:2] for b in ("1-8", "9-16", "17-32")]
    per_token = [
        list(zip(q.token_log_probs, q.token_correct, strict=True)) for q in plain.questions
    ]
    for low, high in ((1, 8), (9, 16), (17, 32)):
        inside = [pair for answer in per_token for pair in answer[low - 1 : high]]
        nll, accuracy = (rows[f"{m}@{low}-{high}"] for m in ("nll", "token_accuracy"))
        assert nll.n == accuracy.n == len(inside)
        assert nll.value == pytest.approx(-np.mean([p for p, _ in inside]))
        assert accuracy.value == pytest.approx(np.mean([r for _, r in inside]))


def test_a_judge_reads_answers_as_a_loop_does(experts, tokenizer, questions):
    judge = make_model(9)
    written = decode(experts[0], tokenizer, questions, max_new_tokens=3)
    assert len({answer.ended for answer in written}) == 2
    judged = judge_answers(Judge(judge, tokenizer), questions, written, batch_size=7)
    expected = [
        nll_of(judge, tokenizer, question, answer.text, answer.ended)
        for question, answer in zip(questions, written, strict=True)
    ]
    np.testing.assert_allclose(judged.nll, expected, atol=1e-5)
    assert judged.tokens > 0
    assert judged.flops > 0


def test_what_a_judge_can_not_hold_is_cut(experts, tokenizer):
    question = Question("x" * 25, "y" * 25)
    written = decode(experts[0], tokenizer, [Question("x", "y")], max_new_tokens=20)
    judged = judge_answers(Judge(make_model(9), tokenizer), [question], written)
    assert math.isfinite(judged.nll[0])
    assert judged.tokens <= CONTEXT


def test_all_measures_of_an_answer_in_one_evaluation(experts, tokenizer, questions):
    rule, judge = StepSettings(separator="1", verify="exact"), Judge(make_model(9), tokenizer)
    found = evaluate(
        experts[0], tokenizer, questions, metrics=LONG, max_new_tokens=6,
        long_form=LongForm(rule, judge, by_position=True),
    )  # fmt: skip
    written = decode(experts[0], tokenizer, questions, max_new_tokens=6)
    shares = [s for w in written if (s := repetition(w.token_ids)) is not None]
    named = [name for name in LONG if shares or name != "repetition"]  # no answer has four tokens
    assert [row.metric for row in found.rows] == [*named, "steps_correct@1-8"]
    verdicts = [rule.judge(q, w.text) for q, w in zip(questions, written, strict=True)]
    flat = [verdict for each in verdicts for verdict in each]
    assert found.value("steps_correct") == pytest.approx(np.mean(flat))
    firsts = [(*each, False).index(False) + 1 for each in verdicts]
    assert found.value("first_error") == pytest.approx(np.mean(firsts))
    assert found.value("repetition") == (pytest.approx(np.mean(shares)) if shares else None)
    judged = judge_answers(judge, questions, written)
    assert found.value("coherence") == pytest.approx(np.mean(judged.nll))
    alone = evaluate(experts[0], tokenizer, questions, metrics=["accuracy"], max_new_tokens=6)
    assert found.value("accuracy") == alone.value("accuracy")
    assert found.tokens == alone.tokens + judged.tokens
    assert {"steps", "first_error", "coherence"} <= set(found.frame().columns)
    assert not {"steps", "first_error", "coherence", "repetition"} & set(alone.frame().columns)


def test_measures_that_lack_something_say_so(experts, tokenizer, questions):
    for metric, what in (("first_error", "answers that are steps"), ("coherence", "a judge")):
        with pytest.raises(InputError, match=what):
            evaluate(experts[0], tokenizer, questions, metrics=[metric])


@pytest.mark.parametrize("score", ["mean", "sum"])
def test_the_ensemble_picks_the_answer_that_a_loop_over_experts_finds(
    experts, ensemble, tokenizer, questions, score
):
    found = write_sequences(
        ensemble, tokenizer, questions, max_new_tokens=4, score=score, batch_size=7
    )
    picked = Counter()
    for question, answer in zip(questions, found.answers, strict=True):
        drafts = [decode(e, tokenizer, [question], max_new_tokens=4)[0] for e in experts]
        scores = []
        for draft in drafts:
            nll = nll_of(ensemble, tokenizer, question, draft.text, draft.ended)
            tokens = len(draft.token_ids) + draft.ended
            scores.append(-nll * (1 if score == "mean" else tokens))
        best = int(np.argmax(scores))
        assert answer.text == drafts[best].text
        picked[best] += 1
    assert len(picked) > 1, "one expert wrote all of the answers"


def test_one_model_alone_writes_by_itself(experts, tokenizer, questions):
    how = {"max_new_tokens": 4, "batch_size": 8}
    assert write_sequences(experts[0], tokenizer, questions, **how).answers == decode(
        experts[0], tokenizer, questions, **how
    )


def test_the_cost_of_sequences_is_a_decode_each_and_a_reading_of_all(ensemble, tokenizer):
    question = Question("1+2=", " 3")
    drafts = [
        decode(ensemble.as_expert(t), tokenizer, [question], max_new_tokens=4)[0] for t in range(3)
    ]
    distinct = {draft.token_ids: draft for draft in drafts}.values()
    written = sum(len(d.prompt_ids) + len(d.token_ids) for d in drafts) / 3
    found = write_sequences(ensemble, tokenizer, [question], max_new_tokens=4)
    shared = len(distinct) > 1  # then the prompt is read once
    read = sum(len(d.token_ids) + d.ended for d in distinct)
    read += len(drafts[0].prompt_ids) * (1 if shared else len(distinct))
    assert found.tokens == round(written) + read
