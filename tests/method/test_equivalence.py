"""The equivalence test against scipy's one-sided t tests."""

import math

import numpy as np
import pytest
from scipy import stats

from ensemble_core.equivalence import equivalence_test


def scipys_p(differences: np.ndarray, margin: float) -> float:
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    return max(above, below)


def random_differences() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    sizes = generator.integers(2, 12, size=200)
    return [generator.normal(generator.normal(scale=0.02), 0.01, size=n) for n in sizes]


@pytest.mark.parametrize("margin", [0.005, 0.02, 0.05])
def test_p_values_are_scipys(margin: float):
    for differences in random_differences():
        found = equivalence_test(differences, margin)
        assert found.p == pytest.approx(scipys_p(differences, margin), rel=1e-9)


@pytest.mark.parametrize("margin", [0.005, 0.02, 0.05])
def test_verdicts_follow_from_scipys_tests(margin: float):
    seen = set()
    for differences in random_differences():
        different = stats.ttest_1samp(differences, 0).pvalue < 0.05
        if scipys_p(differences, margin) < 0.05:
            expected = "equivalent"
        elif different:
            expected = "better" if differences.mean() > 0 else "worse"
        else:
            expected = "inconclusive"
        found = equivalence_test(differences, margin)
        assert found.verdict == expected
        seen.add(expected)
    assert seen == {"equivalent", "better", "worse", "inconclusive"}


def test_intervals_are_of_90_and_95_percent():
    differences = random_differences()[0]
    found = equivalence_test(differences, 0.02)
    for interval, level in ((found.interval, 0.90), (found.wide, 0.95)):
        expected = stats.ttest_1samp(differences, 0).confidence_interval(level)
        assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert found.interval.mean == pytest.approx(differences.mean())


def test_a_difference_too_small_to_matter_is_equivalent():
    differences = [0.009, 0.010, 0.011, 0.010]
    assert stats.ttest_1samp(differences, 0).pvalue < 0.01
    assert equivalence_test(differences, 0.02).verdict == "equivalent"
    assert equivalence_test(differences, 0.001).verdict == "better"
    assert equivalence_test([-d for d in differences], 0.001).verdict == "worse"


def test_a_missing_difference_is_not_equivalence():
    scattered = [-0.2, 0.2, -0.1, 0.1]
    assert equivalence_test(scattered, 0.02).verdict == "inconclusive"
    assert equivalence_test(scattered, 1.0).verdict == "equivalent"


def test_one_pair_is_inconclusive():
    found = equivalence_test([0.0], 10.0)
    assert (found.verdict, found.p, found.interval.low) == ("inconclusive", None, None)


@pytest.mark.parametrize(
    ("value", "p", "verdict"), [(0.25, 0, "equivalent"), (0.5, 1, "better"), (-0.75, 1, "worse")]
)
def test_equal_differences_have_a_point_for_an_interval(value: float, p: float, verdict: str):
    found = equivalence_test([value] * 3, 0.5)
    assert (found.p, found.verdict) == (p, verdict)


def test_a_difference_of_the_margin_passes_one_time_in_twenty():
    generator = np.random.default_rng(1)
    draws = generator.normal(0.02, 0.005, size=(1000, 6))
    said = [equivalence_test(row, 0.02).verdict == "equivalent" for row in draws]
    assert np.mean(said) == pytest.approx(0.05, abs=0.02)


def test_refuses_a_margin_that_is_none_and_differences_that_are_none():
    for margin in (0.0, -0.01, math.nan, math.inf):
        with pytest.raises(ValueError, match="margin"):
            equivalence_test([0.1, 0.2], margin)
    with pytest.raises(ValueError, match="at least one"):
        equivalence_test([], 0.1)
    with pytest.raises(ValueError, match="finite"):
        equivalence_test([0.1, math.nan], 0.1)
