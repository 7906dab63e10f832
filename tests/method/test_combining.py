"""Every combiner against a loop over plain Python numbers, and what all of them must keep."""

import math
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from method_models import repeatable
from torch import Tensor

from ensemble_core.combining import COMBINERS, VOTE_SMOOTHING, combine
from ensemble_core.settings import CombinerName, FixedCombiner

RULES = list(get_args(FixedCombiner))


def random_log_probs(experts: int, *shape: int, seed: int = 0, spread: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(experts, *shape, generator=generator) * spread
    return logits.log_softmax(dim=-1)


def by_hand(log_probs: list[list[float]], alphas: list[float], rule: str) -> list[float]:
    """The definition of each rule for one position, in probabilities, without any tensor."""
    experts, vocabulary = len(log_probs), len(log_probs[0])
    if experts == 1:
        return [math.exp(value) for value in log_probs[0]]
    share = [alpha / sum(alphas) for alpha in alphas]
    p = [[math.exp(value) for value in row] for row in log_probs]
    mean = [sum(share[t] * p[t][v] for t in range(experts)) for v in range(vocabulary)]
    if rule == "mean":
        return mean
    if rule == "uniform":
        return [sum(p[t][v] for t in range(experts)) / experts for v in range(vocabulary)]
    if rule == "product":
        powers = [math.prod(p[t][v] ** share[t] for t in range(experts)) for v in range(vocabulary)]
        return [power / sum(powers) for power in powers]
    votes = [0.0] * vocabulary
    for t in range(experts):
        votes[max(range(vocabulary), key=lambda v, t=t: p[t][v])] += share[t]
    return [(1 - VOTE_SMOOTHING) * votes[v] + VOTE_SMOOTHING * mean[v] for v in range(vocabulary)]


def test_every_name_of_a_sweep_file_has_its_rule():
    assert set(COMBINERS) == set(RULES)
    assert set(get_args(CombinerName)) == {*RULES, "gate"}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("experts", [1, 2, 5])
def test_against_a_loop(rule: FixedCombiner, experts: int):
    log_probs = random_log_probs(experts, 3, 4, 11)
    alphas = [0.4, 1.7, 0.9, 2.2, 0.1][:experts]
    combined = combine(log_probs, alphas, rule)
    assert combined.dtype == torch.float32
    assert combined.shape == (3, 4, 11)
    for b in range(3):
        for position in range(4):
            rows = log_probs[:, b, position].double().tolist()
            expected = torch.tensor(by_hand(rows, alphas, rule), dtype=torch.float64)
            found = combined[b, position].double().exp()
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("rule", RULES)
def test_one_expert_alone_is_itself_to_the_bit(rule: FixedCombiner):
    log_probs = random_log_probs(1, 2, 5, 9)
    assert torch.equal(combine(log_probs, [0.37], rule), log_probs[0])


@pytest.mark.parametrize("rule", RULES)
@repeatable
@given(
    experts=st.integers(1, 6),
    seed=st.integers(0, 10_000),
    spread=st.floats(0, 60),
    alphas=st.lists(st.floats(1e-3, 30), min_size=6, max_size=6),
)
def test_a_distribution_with_finite_logs(
    rule: FixedCombiner, experts: int, seed: int, spread: float, alphas: list[float]
):
    log_probs = random_log_probs(experts, 4, 13, seed=seed, spread=spread)
    combined = combine(log_probs, alphas[:experts], rule)
    assert torch.isfinite(combined).all()
    torch.testing.assert_close(combined.exp().sum(-1), torch.ones(4), rtol=0, atol=1e-5)


@pytest.mark.parametrize("rule", RULES)
@repeatable
@given(seed=st.integers(0, 10_000), order=st.permutations(range(5)))
def test_the_order_of_experts_does_not_matter(rule: FixedCombiner, seed: int, order: list[int]):
    log_probs = random_log_probs(5, 3, 7, seed=seed)
    alphas = torch.rand(5, generator=torch.Generator().manual_seed(seed)) + 0.05
    one = combine(log_probs, alphas, rule)
    other = combine(log_probs[order], alphas[order], rule)
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_the_scale_of_the_weights_does_not_matter(rule: FixedCombiner):
    log_probs = random_log_probs(3, 6)
    alphas = [0.2, 0.5, 1.3]
    scaled = [1e-9 * alpha for alpha in alphas]
    torch.testing.assert_close(combine(log_probs, scaled, rule), combine(log_probs, alphas, rule))


@pytest.mark.parametrize("rule", RULES)
def test_experts_that_agree_are_followed(rule: FixedCombiner):
    one = random_log_probs(1, 2, 8)[0]
    combined = combine(torch.stack([one, one, one]), [1.0, 2.0, 3.0], rule)
    torch.testing.assert_close(combined.argmax(-1), one.argmax(-1))
    if rule != "vote":
        torch.testing.assert_close(combined, one)


def test_the_vote_follows_the_heavier_camp():
    confident = torch.tensor([0.99, 0.01, 0.0]).clamp_min(1e-9).log()
    hesitant = torch.tensor([0.3, 0.4, 0.3]).log()
    log_probs = torch.stack([confident, hesitant, hesitant])
    assert combine(log_probs, [1.0, 0.6, 0.6], "vote").argmax() == 1
    assert combine(log_probs, [1.3, 0.6, 0.6], "vote").argmax() == 0


def test_a_tied_vote_goes_to_the_more_confident():
    sure, unsure = torch.tensor([0.1, 0.9]).log(), torch.tensor([0.6, 0.4]).log()
    assert combine(torch.stack([unsure, sure]), [1.0, 1.0], "vote").argmax() == 1


@pytest.mark.parametrize("rule", RULES)
def test_half_precision_is_combined_in_float32(rule: FixedCombiner):
    log_probs = random_log_probs(2, 3, 5).to(torch.bfloat16)
    expected = combine(log_probs.float(), [1, 2], rule)
    assert torch.equal(combine(log_probs, [1, 2], rule), expected)


def test_a_product_of_experts_that_exclude_each_other_is_still_a_distribution():
    impossible = torch.tensor([[0.0, -math.inf], [-math.inf, 0.0]])
    combined = combine(impossible, [1.0, 1.0], "product")
    assert not torch.isnan(combined).any()
    assert combined.exp().sum() == pytest.approx(1)


def test_an_expert_of_weight_zero_has_no_say():
    log_probs = random_log_probs(2, 4, 6)
    log_probs[1] = torch.tensor([0.0] + [-math.inf] * 5)
    for rule in ("mean", "product"):
        torch.testing.assert_close(combine(log_probs, [1.0, 0.0], rule), log_probs[0])


@pytest.mark.parametrize(
    "weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]]
)
def test_refuses_weights_that_do_not_fit(weights: list[float]):
    with pytest.raises(ValueError, match="weights"):
        combine(random_log_probs(2, 4), weights, "mean")


def test_refuses_an_unknown_rule():
    with pytest.raises(ValueError, match="mean, product"):
        combine(random_log_probs(2, 4), [1, 1], "median")  # type: ignore[arg-type]
