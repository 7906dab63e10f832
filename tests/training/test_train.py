"""The training function against an independent loop that scores one token at a time."""

import math

import numpy as np
import pytest
import torch
from tiny_models import make_model

from ensemble_core.encoding import TokenDataset
from ensemble_core.errors import CancelledError, DivergedError, InputError, StageError
from ensemble_core.sampling import batches
from ensemble_core.settings import TrainingSettings
from ensemble_core.soft_targets import SoftTargets
from ensemble_core.training import train

SETTINGS = TrainingSettings(epochs=2, batch_size=8, learning_rate=1e-2)


def token_nll(model, example):
    """-log p of each answer token: one example, no padding, softmax written out."""
    logits = model(input_ids=torch.tensor([example.input_ids])).logits[0].double()
    losses = []
    for place in range(example.prompt_length, len(example.input_ids)):
        row = logits[place - 1]
        losses.append(torch.log(torch.exp(row).sum()) - row[example.input_ids[place]])
    return losses


def weighted_loss(model, data, rows, weights):
    """Σ w·nll / number of answer tokens, weights with mean 1 over the data set."""
    scaled = weights * len(weights) / weights.sum()
    total, count = torch.zeros((), dtype=torch.float64), 0
    for row in rows:
        start = int(data.answer_lengths[:row].sum())
        for offset, loss in enumerate(token_nll(model, data.examples[row])):
            total = total + scaled[start + offset] * loss
            count += 1
    return total / count


def gradients_of(model, data, settings=None, **how):
    """The gradient of the first step, as `train` leaves it for the optimizer."""
    seen = []

    def keep(report):
        if report.step == 1:
            seen.append({n: p.grad.clone() for n, p in model.named_parameters()})

    settings = settings or TrainingSettings(epochs=0.2, batch_size=8, clip=None)
    train(model, data, settings, seed=0, on_step=keep, **how)
    return seen[0]


def first_rows(data, batch_size=8):
    order = batches(np.arange(len(data)), epochs=1, batch_size=batch_size, rng=rng_of(0))
    return next(iter(order))


def rng_of(seed):
    return np.random.default_rng(seed)


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same_bits(first, second):
    return all(torch.equal(value, second[name]) for name, value in first.items())


def test_weighted_gradient_equals_a_per_token_formula(data):
    weights = rng_of(1).exponential(size=data.n_answer_tokens)
    got = gradients_of(make_model(), data, token_weights=weights)
    model = make_model()
    weighted_loss(model, data, first_rows(data), weights).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(got[name], parameter.grad, atol=2e-6, rtol=1e-4)


def test_scale_of_the_weights_does_not_matter(data):
    weights = rng_of(1).exponential(size=data.n_answer_tokens)
    first = gradients_of(make_model(), data, token_weights=weights)
    second = gradients_of(make_model(), data, token_weights=weights * 1024)
    assert same_bits(first, second)


def test_uniform_weights_are_no_weights(data):
    plain, weighted = make_model(), make_model()
    train(plain, data, SETTINGS, seed=0)
    train(weighted, data, SETTINGS, seed=0, token_weights=np.ones(data.n_answer_tokens))
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(weighted.state_dict()[name], value, atol=1e-5, rtol=1e-4)


def test_tokens_of_weight_zero_have_no_influence(data):
    weights = np.where(rng_of(2).random(data.n_answer_tokens) < 0.5, 0.0, 1.0)
    weights[data.position == 0] = 1.0  # what is forgotten below must come last in its answer
    last = data.position == data.answer_lengths[data.example] - 1
    weights[last & (data.example % 2 == 0)] = 0.0
    weights[last & (data.example % 2 == 1)] = 1.0
    others = [
        type(e)((*e.input_ids[:-1], 50), e.prompt_length) if i % 2 == 0 else e
        for i, e in enumerate(data.examples)
    ]
    trained, changed = make_model(), make_model()
    train(trained, data, SETTINGS, seed=0, token_weights=weights)
    train(changed, TokenDataset(others), SETTINGS, seed=0, token_weights=weights)
    assert same_bits(state(trained), state(changed))


def test_whole_training_equals_an_independent_loop(data):
    """Order, warm-up, decay, clipping, weight decay: five steps with torch's plain AdamW."""
    settings = TrainingSettings(
        epochs=1, batch_size=8, learning_rate=0.02, warmup=0.4, clip=0.5, weight_decay=0.3
    )
    weights = rng_of(1).exponential(size=data.n_answer_tokens)
    trained, model = make_model(), make_model()
    log = train(trained, data, settings, seed=7, token_weights=weights)

    groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": 0.3},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, fused=False, foreach=False)
    shuffled = rng_of(7).permutation(len(data))
    rates = [0.01, 0.02, 0.02, 0.02 * 2 / 3, 0.02 / 3]
    losses = []
    for step, rate in enumerate(rates):
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = weighted_loss(model, data, shuffled[8 * step : 8 * step + 8], weights)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(float(loss.detach()))
    np.testing.assert_allclose(log.losses, losses, rtol=1e-4)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(trained.state_dict()[name], value, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("micro_batch_size", [1, 3, 8])
def test_accumulated_gradient_equals_the_big_batch(data, micro_batch_size):
    whole = gradients_of(make_model(), data)
    parts = gradients_of(
        make_model(),
        data,
        TrainingSettings(epochs=0.2, batch_size=8, clip=None, micro_batch_size=micro_batch_size),
    )
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, atol=1e-6, rtol=1e-4)


def test_the_same_seed_gives_the_same_bits(data):
    weights = rng_of(1).exponential(size=data.n_answer_tokens)
    first, second, other = make_model(), make_model(), make_model()
    torch.manual_seed(1)
    one = train(first, data, SETTINGS, seed=3, token_weights=weights)
    torch.manual_seed(2)
    two = train(second, data, SETTINGS, seed=3, token_weights=weights)
    train(other, data, SETTINGS, seed=4, token_weights=weights)
    assert one.losses == two.losses
    assert same_bits(state(first), state(second))
    assert not same_bits(state(first), state(other))


def test_dropout_follows_the_seed_and_the_callers_randomness_is_put_back(data):
    models = [make_model() for _ in range(3)]
    for model in models:
        model.gpt_neox.emb_dropout.p = 0.3
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    first, second, other = (
        train(model, data, SETTINGS, seed=seed).losses
        for model, seed in zip(models, (1, 1, 2), strict=True)
    )
    assert first == second != other
    assert torch.equal(torch.rand(3), expected)


def test_training_fits_the_data(data):
    log = train(make_model(), data, SETTINGS.model_copy(update={"epochs": 15}), seed=0)
    assert log.losses[-1] < 0.5 * log.losses[0]


def test_log_counts_steps_tokens_and_operations(data):
    model = make_model()
    reports = []
    settings = TrainingSettings(epochs=1.5, batch_size=16)
    log = train(model, data, settings, seed=0, on_step=reports.append)
    assert log.steps == len(log.losses) == len(reports) == math.ceil(1.5 * 40 / 16)
    assert [r.step for r in reports] == [1, 2, 3, 4]
    assert all(r.steps == 4 and math.isfinite(r.gradient_norm) for r in reports)
    whole = int(data.lengths.sum()) - len(data)
    assert whole < log.tokens < 2 * whole
    multiplied = sum(p.numel() for n, p in model.named_parameters() if "embed_in" not in n)
    assert log.flops == 6 * multiplied * log.tokens
    np.testing.assert_array_equal(log.drawn, np.ones(len(data)))


def test_less_than_one_epoch_takes_one_step_at_least(data):
    assert train(make_model(), data, TrainingSettings(epochs=0.001), seed=0).steps == 1


def test_resampling_trains_on_the_drawn_examples_only(data):
    probabilities = np.zeros(len(data))
    probabilities[[3, 5]] = 0.5
    resampled, restricted = make_model(), make_model()
    log = train(resampled, data, SETTINGS, seed=0, example_probabilities=probabilities)
    assert log.drawn.sum() == len(data)
    assert set(np.flatnonzero(log.drawn)) == {3, 5}
    others = [e if i in (3, 5) else data.examples[0] for i, e in enumerate(data.examples)]
    train(restricted, TokenDataset(others), SETTINGS, seed=0, example_probabilities=probabilities)
    assert same_bits(state(resampled), state(restricted))


@pytest.mark.parametrize("clip", [1.0, None])
def test_divergence_names_the_step(data, clip):
    settings = TrainingSettings(epochs=3, batch_size=8, learning_rate=0.9, clip=clip)
    model = make_model()

    def poison(report):
        if report.step == 3:
            with torch.no_grad():
                model.lm_head.weight.fill_(float("nan"))

    with pytest.raises(DivergedError, match="step 4 of 15") as error:
        train(model, data, settings, seed=0, on_step=poison)
    assert "learning rate" in (error.value.hint or "")


def test_stop(data):
    model, asked = make_model().train(), []

    def stop():
        asked.append(1)
        return len(asked) == 3

    with pytest.raises(CancelledError, match="step 3 of"):
        train(model, data, SETTINGS, seed=0, should_stop=stop)
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def test_soft_targets_equal_a_loop(data, model):
    k, vocab = 4, model.config.vocab_size
    indices = np.stack([rng_of(i).permutation(vocab)[:k] for i in range(data.n_answer_tokens)])
    log_probs = np.log(rng_of(1).random((data.n_answer_tokens, k))).astype(np.float32)
    got = gradients_of(
        make_model(), data, soft_targets=SoftTargets(indices, log_probs, data.answer_tokens)
    )
    wanted = np.exp(log_probs) / np.exp(log_probs).sum(axis=1, keepdims=True)
    total, rows = torch.zeros(()), first_rows(data)
    for row in rows:
        example = data.examples[row]
        logits = model(input_ids=torch.tensor([example.input_ids])).logits[0].log_softmax(-1)
        start = int(data.answer_lengths[:row].sum())
        for offset in range(len(example.answer_ids)):
            for j in range(k):
                given = logits[example.prompt_length + offset - 1, indices[start + offset, j]]
                total = total - wanted[start + offset, j] * given
    (total / data.answer_lengths[rows].sum()).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(got[name], parameter.grad, atol=2e-6, rtol=1e-4)


def test_soft_targets_on_one_token_are_hard_ones(data):
    log_probs = np.full((data.n_answer_tokens, 1), -3.0, "f4")
    one = SoftTargets(data.answer_tokens[:, None], log_probs, data.answer_tokens)
    hard, soft = (
        gradients_of(make_model(), data),
        gradients_of(make_model(), data, soft_targets=one),
    )
    for name, value in hard.items():
        torch.testing.assert_close(soft[name], value, atol=1e-6, rtol=1e-4)


def test_bf16_autocast_keeps_parameters_in_float32_and_learns(data):
    model = make_model()
    settings = SETTINGS.model_copy(update={"epochs": 10})
    log = train(model, data, settings, seed=0, precision="bf16")
    exact = train(make_model(), data, settings, seed=0)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert log.losses != exact.losses
    np.testing.assert_allclose(log.losses[0], exact.losses[0], rtol=0.02)
    assert log.losses[-1] < 0.5 * log.losses[0]


def test_model_that_is_not_float32(data):
    with pytest.raises(StageError, match="float32"):
        train(make_model().bfloat16(), data, SETTINGS, seed=0)


def test_unknown_loss(data):
    with pytest.raises(InputError, match="no loss is named 'hinge'"):
        train(make_model(), data, SETTINGS, seed=0, loss="hinge")


def test_arguments_that_do_not_fit_the_data(data):
    def attempt(match, **how):
        with pytest.raises(ValueError, match=match):
            train(make_model(), data, SETTINGS, seed=0, **how)

    attempt("answer tokens, weights", token_weights=np.ones(3))
    attempt("not negative", token_weights=np.full(data.n_answer_tokens, -1.0))
    attempt("3 probabilities", example_probabilities=np.ones(3))
    attempt("not all 0", example_probabilities=np.zeros(len(data)))


def test_soft_targets_of_another_tokenizer_are_refused(data):
    n = data.n_answer_tokens
    other = SoftTargets(np.zeros((n, 2), int), np.zeros((n, 2), "f4"), data.answer_tokens + 1)
    with pytest.raises(StageError, match="other tokens"):
        train(make_model(), data, SETTINGS, seed=0, soft_targets=other)
