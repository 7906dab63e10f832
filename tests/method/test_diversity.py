"""Diversity against loops over pairs and items, and the decompositions' exact identities."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from ensemble_core import diversity
from ensemble_core.combining import combine

SEEDS = range(5)
T, N, V = 4, 60, 9


def random_correct(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((T, N)) < 0.6


def random_distributions(seed: int) -> np.ndarray:
    """Log-probabilities [T, N, V] in float64, some of them very sure."""
    logits = np.random.default_rng(seed).normal(scale=4, size=(T, N, V))
    return logits - logsumexp(logits, axis=-1, keepdims=True)


def random_weights(seed: int) -> list[float]:
    return (3 * np.random.default_rng(100 + seed).random(T)).tolist()


def of_truth(log_probs: np.ndarray, seed: int) -> np.ndarray:
    """What each expert gives to a random true token of each item, [..., N]."""
    truth = np.random.default_rng(200 + seed).integers(V, size=N)
    return log_probs[..., np.arange(N), truth]


def combined(log_probs: np.ndarray, weights: list[float], rule: str) -> np.ndarray:
    return combine(torch.from_numpy(log_probs), weights, rule).double().numpy()


class TestPairwise:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_against_loops(self, seed: int):
        correct = random_correct(seed)
        predicted = np.random.default_rng(seed).integers(3, size=(T, N))
        differ, both, correlations = [], [], []
        for i, j in combinations(range(T), 2):
            differ.append(sum(predicted[i, n] != predicted[j, n] for n in range(N)) / N)
            both.append(sum(not correct[i, n] and not correct[j, n] for n in range(N)) / N)
            correlations.append(np.corrcoef(~correct[i], ~correct[j])[0, 1])
        assert diversity.disagreement(predicted).value == pytest.approx(np.mean(differ))
        assert diversity.double_fault(correct).value == pytest.approx(np.mean(both))
        found = diversity.error_correlation(correct)
        assert found.value == pytest.approx(np.mean(correlations))
        assert (found.pairs, found.undefined) == (6, 0)

    def test_of_correctness_is_kuncheva_and_whitakers_disagreement(self):
        # N11 = 1, N10 = 2, N01 = 1, N00 = 0.
        found = diversity.disagreement([[True, True, True, False], [True, False, False, True]])
        assert found.value == 3 / 4

    def test_takes_strings(self):
        answers = [["Paris", "4"], ["Paris", "5"], ["Rome", "5"]]
        assert diversity.disagreement(answers).value == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)

    def test_equal_experts_agree_in_all(self):
        correct = np.repeat(random_correct(0)[:1], 3, axis=0)
        assert diversity.disagreement(correct).value == 0
        assert diversity.error_correlation(correct).value == pytest.approx(1)
        assert diversity.double_fault(correct).value == pytest.approx((~correct[0]).mean())

    def test_opposite_experts_are_anticorrelated(self):
        found = diversity.error_correlation([[1, 0, 1, 0], [0, 1, 0, 1]])
        assert found.value == pytest.approx(-1)

    def test_pairs_without_a_correlation_are_counted(self):
        one, other = random_correct(1)[:2]
        always, never = np.ones(N, bool), np.zeros(N, bool)
        found = diversity.error_correlation([one, always, other, never])
        assert (found.pairs, found.undefined) == (6, 5)
        assert found.value == pytest.approx(np.corrcoef(one, other)[0, 1])
        assert diversity.error_correlation([always, one]) == diversity.PairwiseMean(None, 1, 1)

    def test_one_expert_has_no_pairs(self):
        for measure in (
            diversity.disagreement,
            diversity.double_fault,
            diversity.error_correlation,
        ):
            assert measure([[True, False]]) == diversity.PairwiseMean(None, 0, 0)

    def test_refuses_other_shapes(self):
        for wrong in ([True, False], [[]], np.zeros((2, 2, 2), bool)):
            with pytest.raises(ValueError, match="experts by items"):
                diversity.disagreement(wrong)


@pytest.mark.parametrize("seed", SEEDS)
class TestDecompositions:
    def test_squared_error_against_a_loop(self, seed: int):
        log_probs, weights = of_truth(random_distributions(seed), seed), random_weights(seed)
        found = diversity.squared_error_decomposition(log_probs, weights)
        member = ambiguity = ensemble = 0.0
        for n in range(N):
            probs = [math.exp(log_probs[t, n]) for t in range(T)]
            mean = sum(w * p for w, p in zip(weights, probs, strict=True)) / sum(weights)
            for weight, p in zip(weights, probs, strict=True):
                member += weight / sum(weights) * (1 - p) ** 2 / N
                ambiguity += weight / sum(weights) * (p - mean) ** 2 / N
            ensemble += (1 - mean) ** 2 / N
        assert found.member == pytest.approx(member)
        assert found.ambiguity == pytest.approx(ambiguity)
        assert found.ensemble == pytest.approx(ensemble)

    def test_squared_error_is_exact(self, seed: int):
        log_probs, weights = of_truth(random_distributions(seed), seed), random_weights(seed)
        found = diversity.squared_error_decomposition(log_probs, weights)
        assert found.member - found.ambiguity == pytest.approx(found.ensemble, abs=1e-14)
        assert found.ambiguity >= 0

    def test_log_loss_of_the_mean(self, seed: int):
        everything, weights = random_distributions(seed), random_weights(seed)
        truth = of_truth(everything, seed)
        ensemble = of_truth(combined(everything, weights, "mean"), seed)
        gains = diversity.mean_ambiguity(truth, weights)
        assert (gains >= -1e-12).all()
        found = diversity.log_loss_decomposition(truth, ensemble, weights)
        assert found.ambiguity == pytest.approx(gains.mean(), abs=1e-5)
        assert found.member - found.ambiguity == pytest.approx(found.ensemble, abs=1e-12)
        assert found.ensemble == pytest.approx(-ensemble.mean())

    def test_the_gain_of_the_mean_is_a_divergence_of_responsibilities(self, seed: int):
        truth = of_truth(random_distributions(seed), seed)
        a = np.array(random_weights(seed)) / sum(random_weights(seed))
        joint = a[:, None] * np.exp(truth)
        responsibility = joint / joint.sum(axis=0)
        expected = (a[:, None] * np.log(a[:, None] / responsibility)).sum(axis=0)
        np.testing.assert_allclose(diversity.mean_ambiguity(truth, a.tolist()), expected, atol=1e-9)

    def test_log_loss_of_the_product(self, seed: int):
        everything, weights = random_distributions(seed), random_weights(seed)
        truth = of_truth(everything, seed)
        ensemble = of_truth(combined(everything, weights, "product"), seed)
        gains = diversity.product_ambiguity(everything, weights)
        assert gains.shape == (N,)
        assert (gains >= 0).all()
        found = diversity.log_loss_decomposition(truth, ensemble, weights)
        assert found.ambiguity == pytest.approx(gains.mean(), abs=1e-5)
        assert found.member == pytest.approx(found.ensemble + gains.mean(), abs=1e-5)

    def test_the_gain_of_the_product_is_its_normaliser(self, seed: int):
        everything = random_distributions(seed)
        a = np.array(random_weights(seed)) / sum(random_weights(seed))
        normaliser = (np.exp(everything) ** a[:, None, None]).prod(axis=0).sum(axis=-1)
        gains = diversity.product_ambiguity(everything, a.tolist())
        np.testing.assert_allclose(gains, -np.log(normaliser), atol=1e-10)

    def test_equal_experts_gain_nothing(self, seed: int):
        everything = np.repeat(random_distributions(seed)[:1], T, axis=0)
        weights, truth = random_weights(seed), of_truth(everything, seed)
        assert diversity.squared_error_decomposition(truth, weights).ambiguity < 1e-15
        np.testing.assert_allclose(diversity.mean_ambiguity(truth, weights), 0, atol=1e-12)
        np.testing.assert_allclose(diversity.product_ambiguity(everything, weights), 0, atol=1e-12)


class TestBounds:
    def test_an_expert_of_weight_zero_does_not_count(self):
        everything = random_distributions(0)
        without, truth = everything[:3], of_truth(everything, 0)
        np.testing.assert_allclose(
            diversity.product_ambiguity(everything, [1, 2, 3, 0]),
            diversity.product_ambiguity(without, [1, 2, 3]),
        )
        np.testing.assert_allclose(
            diversity.mean_ambiguity(truth, [1, 2, 3, 0]),
            diversity.mean_ambiguity(truth[:3], [1, 2, 3]),
        )

    def test_probabilities_too_small_for_floats(self):
        # p = e^-1000 and e^-1001, which are both 0 in float64.
        gain = diversity.mean_ambiguity([[-1000.0], [-1001.0]], [1, 1])
        assert gain[0] == pytest.approx(math.log((1 + math.exp(-1)) / 2) + 0.5)

    def test_a_vote_may_lose(self):
        everything = np.log([[[0.5, 0.4, 0.1]], [[0.5, 0.4, 0.1]]])
        ensemble = combined(everything, [1, 1], "vote")[:, 1]
        found = diversity.log_loss_decomposition(everything[..., 1], ensemble, [1, 1])
        assert found.ambiguity < -5

    def test_refuses_what_is_not_finite_or_does_not_fit(self):
        with pytest.raises(ValueError, match="not finite"):
            diversity.mean_ambiguity([[-math.inf, -1.0]], [1])
        with pytest.raises(ValueError, match="as many weights"):
            diversity.squared_error_decomposition([[-1.0]], [1, 2])
        with pytest.raises(ValueError, match="do not fit"):
            diversity.log_loss_decomposition([[-1.0, -2.0]], [-1.0], [1])
