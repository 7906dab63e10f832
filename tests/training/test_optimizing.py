import numpy as np
import pytest
import torch
from tiny_models import make_model

from ensemble_core.optimizing import Gradients, make_optimizer, rate_factor
from ensemble_core.precision import has_bf16, resolve_precision
from ensemble_core.sampling import batches, bootstrap, n_steps, share
from ensemble_core.settings import TrainingSettings


def factors(steps, **settings):
    chosen = TrainingSettings(**settings)
    return [rate_factor(step, steps, chosen) for step in range(steps)]


def test_linear_schedule():
    expected = [0.25, 0.5, 0.75, 1.0, 1.0, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]
    np.testing.assert_allclose(factors(10, warmup=0.4), expected)


def test_cosine_schedule():
    expected = [0.5, 1.0] + [0.5 * (1 + np.cos(np.pi * k / 8)) for k in range(8)]
    np.testing.assert_allclose(factors(10, warmup=0.2, schedule="cosine"), expected)


def test_constant_schedule():
    expected = [1 / 3, 2 / 3, 1, 1, 1, 1]
    np.testing.assert_allclose(factors(6, warmup=0.5, schedule="constant"), expected)


def test_no_warmup_and_nothing_but_warmup():
    np.testing.assert_allclose(factors(4, warmup=0), [1, 0.75, 0.5, 0.25])
    np.testing.assert_allclose(factors(4, warmup=1), [0.25, 0.5, 0.75, 1])
    assert factors(1) == [1.0]


def test_vectors_do_not_decay():
    model = make_model()
    optimizer = make_optimizer(model, TrainingSettings(weight_decay=0.1))
    decay = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    for name, parameter in model.named_parameters():
        vector = "bias" in name or "norm" in name
        assert decay[id(parameter)] == (0.0 if vector else 0.1), name


def test_clipping():
    parameters = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))]
    gradients = Gradients(parameters)
    (parameters[0].sum() * 2 + parameters[1].sum()).backward()
    assert gradients.clip(None) == pytest.approx(3.0)
    assert gradients.clip(1.5) == pytest.approx(3.0)
    torch.testing.assert_close(parameters[0].grad, torch.tensor([1.0, 1.0]))
    torch.testing.assert_close(parameters[1].grad, torch.tensor([0.5]))
    assert gradients.clip(9.0) == pytest.approx(1.5)


def test_draws_follow_the_probabilities():
    weights = np.array([1.0, 2.0, 3.0, 0.0, 4.0] * 40)
    rng = np.random.default_rng(0)
    counts = sum(np.bincount(bootstrap(weights, rng), minlength=200) for _ in range(200))
    assert all(counts[weights == 0] == 0)
    expected = weights / weights.sum() * counts.sum()
    kept = weights > 0
    chi_square = ((counts - expected)[kept] ** 2 / expected[kept]).sum()
    assert chi_square < 230  # 159 degrees of freedom: 99.98 % of draws lie below


def test_every_example_once_per_epoch_and_batches_span_the_border():
    seen = list(batches(np.arange(10), epochs=2, batch_size=4, rng=np.random.default_rng(0)))
    assert [len(rows) for rows in seen] == [4, 4, 4, 4, 4]
    flat = np.concatenate(seen)
    assert sorted(flat[:10]) == sorted(flat[10:]) == list(range(10))
    assert n_steps(10, 2, 4) == 5


def test_fractions_of_an_epoch():
    seen = list(batches(np.arange(10), epochs=0.7, batch_size=4, rng=np.random.default_rng(0)))
    assert [len(rows) for rows in seen] == [4, 3]
    assert len(set(np.concatenate(seen))) == 7


def test_batch_larger_than_the_data():
    seen = list(batches(np.arange(3), epochs=2, batch_size=8, rng=np.random.default_rng(0)))
    assert [sorted(rows) for rows in seen] == [[0, 0, 1, 1, 2, 2]]


def test_shares_are_a_partition():
    rows = np.arange(7)
    parts = [share(rows, rank, 3) for rank in range(3)]
    assert sorted(np.concatenate(parts)) == list(rows)
    assert len(share(rows[:1], 2, 3)) == 0


def test_precision():
    assert resolve_precision("auto", "cpu") == "fp32"
    assert resolve_precision("bf16", "cpu") == "bf16"
    assert resolve_precision("fp32", "cpu") == "fp32"
    assert not has_bf16("meta")
