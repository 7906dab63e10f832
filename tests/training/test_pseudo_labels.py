import numpy as np
import pytest
import torch
from tiny_models import CONTEXT, make_model, make_questions

from ensemble_core.decoding import decode
from ensemble_core.encoding import TokenDataset, encode_all
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.labels import pseudo_labels
from ensemble_core.settings import TrainingSettings
from ensemble_core.soft_targets import SoftTargets
from ensemble_core.training import train


@pytest.fixture(scope="module")
def ensemble(data):
    experts = [make_model(seed) for seed in (1, 2)]
    settings = TrainingSettings(epochs=6, batch_size=8, learning_rate=1e-2)
    for seed, expert in enumerate(experts):
        train(expert, data, settings, seed=seed)
    return TokenEnsembleForCausalLM.from_experts(experts, [2.0, 1.0])


@pytest.fixture(scope="module")
def transfer():
    return make_questions(30, seed=9)


def test_hard_labels_are_the_greedy_answers(ensemble, tokenizer, transfer):
    decoded = decode(ensemble, tokenizer, transfer, max_new_tokens=6)
    labels = pseudo_labels(ensemble, tokenizer, transfer, max_new_tokens=6)
    assert labels.answers == [d.text for d in decoded]
    assert labels.targets is None
    assert labels.tokens > 0
    assert labels.flops > 0


def test_labels_stay_within_the_students_limit(ensemble, tokenizer, transfer):
    limit = max(len(tokenizer(q.prompt).input_ids) for q in transfer) + 2
    labels = pseudo_labels(ensemble, tokenizer, transfer, max_new_tokens=6, max_length=limit)
    longest = max(
        len(e.input_ids)
        for e in encode_all(tokenizer, transfer, max_length=limit, answers=labels.answers)
    )
    assert longest <= limit


def test_an_answer_that_was_cut_is_learned_without_an_end(ensemble, tokenizer, transfer):
    labels = pseudo_labels(ensemble, tokenizer, transfer, max_new_tokens=2)
    assert not all(labels.ended)
    encoded = encode_all(
        tokenizer, transfer, max_length=CONTEXT, answers=labels.answers, ended=labels.ended
    )
    ends = [example.input_ids[-1] == tokenizer.eos_token_id for example in encoded]
    assert ends == labels.ended


@torch.no_grad()
def test_soft_labels_are_the_distributions_at_the_answers_tokens(ensemble, tokenizer, transfer):
    labels = pseudo_labels(ensemble, tokenizer, transfer, max_new_tokens=6, soft=True, top_k=5)
    encoded = encode_all(
        tokenizer, transfer, max_length=CONTEXT, answers=labels.answers, ended=labels.ended
    )
    start = 0
    assert labels.targets is not None
    for example in encoded:
        logits = ensemble(input_ids=torch.tensor([example.input_ids])).logits[0]
        rows = logits[example.prompt_length - 1 : -1].log_softmax(-1)
        best = rows.topk(5, dim=-1)
        places = slice(start, start + len(rows))
        np.testing.assert_allclose(labels.targets.log_probs[places], best.values, atol=1e-4)
        own = rows.gather(1, torch.from_numpy(labels.targets.indices[places]))
        np.testing.assert_allclose(own, best.values, atol=1e-4)
        start += len(rows)
    assert start == len(labels.targets.indices)


def test_soft_labels_survive_their_file(ensemble, tokenizer, transfer, tmp_path):
    labels = pseudo_labels(ensemble, tokenizer, transfer, max_new_tokens=6, soft=True, top_k=500)
    assert labels.targets is not None
    assert labels.targets.indices.shape[1] == 98  # the whole vocabulary
    np.testing.assert_allclose(np.exp(labels.targets.log_probs).sum(axis=1), 1, atol=1e-4)
    labels.targets.save(tmp_path / "soft.safetensors")
    loaded = SoftTargets.load(tmp_path / "soft.safetensors")
    np.testing.assert_array_equal(loaded.indices, labels.targets.indices)
    np.testing.assert_array_equal(loaded.log_probs, labels.targets.log_probs)
    np.testing.assert_array_equal(loaded.tokens, labels.targets.tokens)


def test_student_learns_the_distributions(ensemble, tokenizer, transfer):
    labels = pseudo_labels(ensemble, tokenizer, transfer, max_new_tokens=6, soft=True)
    encoded = encode_all(
        tokenizer, transfer, max_length=CONTEXT, answers=labels.answers, ended=labels.ended
    )
    settings = TrainingSettings(epochs=30, batch_size=10, learning_rate=1e-2)
    data = TokenDataset(encoded)
    assert labels.targets is not None
    log = train(make_model(7), data, settings, seed=0, soft_targets=labels.targets)
    kept = np.exp(labels.targets.log_probs.astype(np.float64))
    kept /= kept.sum(axis=1, keepdims=True)
    entropy = -(kept * np.log(kept)).sum(axis=1).mean()  # no loss can be lower
    assert entropy < np.mean(log.losses[-3:]) < entropy + 0.25 * (log.losses[0] - entropy)


def test_shapes_that_differ():
    with pytest.raises(ValueError, match="shapes differ"):
        SoftTargets(np.zeros((3, 2), int), np.zeros((3, 1), "f4"), np.zeros(3, int))
    with pytest.raises(ValueError, match="shapes differ"):
        SoftTargets(np.zeros((3, 2), int), np.zeros((3, 2), "f4"), np.zeros(2, int))
