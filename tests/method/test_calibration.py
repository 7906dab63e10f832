"""Reliability bins against loops and scipy; the error computed from them against the metric."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from method_models import repeatable
from scipy import stats

from ensemble_core.calibration import calibration_error, reliability_bins, wilson_interval
from ensemble_core.metrics import expected_calibration_error

Pairs = list[tuple[float, bool]]
some_pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


class TestEqualWidth:
    def test_by_hand(self):
        first, second = reliability_bins([0.2, 0.4, 0.9, 0.7], [0, 1, 1, 1], bins=2)
        assert (first.low, first.high, first.n) == (0, 0.5, 2)
        assert (first.confidence, first.accuracy) == pytest.approx((0.3, 0.5))
        assert (second.low, second.high, second.n) == (0.5, 1, 2)
        assert (second.confidence, second.accuracy) == pytest.approx((0.8, 1))

    def test_an_edge_belongs_below_and_zero_to_the_first(self):
        found = reliability_bins([0.0, 0.5, 0.5001], [1, 1, 1], bins=2)
        assert [b.n for b in found] == [2, 1]

    def test_empty_bins_are_left_out(self):
        found = reliability_bins([0.05, 0.95], [0, 1], bins=10)
        assert [(b.low, b.high) for b in found] == [(0, 0.1), (0.9, 1)]

    @repeatable
    @given(some_pairs, st.integers(1, 20))
    def test_the_error_is_the_metric(self, pairs: Pairs, bins: int):
        sure, right = zip(*pairs, strict=True)
        found = reliability_bins(sure, right, bins)
        assert sum(b.n for b in found) == len(pairs)
        expected = expected_calibration_error(sure, right, bins)
        assert calibration_error(found) == pytest.approx(expected, abs=1e-12)


class TestEqualMass:
    def test_different_confidences_are_shared_out_evenly(self):
        sure = np.random.default_rng(0).permutation(np.linspace(0.01, 0.99, 60))
        right = np.random.default_rng(1).random(60) < sure
        found = reliability_bins(sure, right, bins=6, spacing="mass")
        order = np.argsort(sure)
        for b, rows in zip(found, np.split(order, 6), strict=True):
            assert b.n == 10
            assert b.confidence == pytest.approx(sure[rows].mean())
            assert b.accuracy == pytest.approx(right[rows].mean())

    @repeatable
    @given(some_pairs, st.integers(1, 20))
    def test_bins_cover_all_in_order_and_keep_ties_together(self, pairs: Pairs, bins: int):
        sure, right = (np.array(column) for column in zip(*pairs, strict=True))
        found = reliability_bins(sure, right, bins, spacing="mass")
        assert 1 <= len(found) <= bins
        for number, b in enumerate(found):
            above = sure >= b.low if number == 0 else sure > b.low
            assert b.n == (above & (sure <= b.high)).sum()
        assert sum(b.n for b in found) == len(pairs)
        assert (found[0].low, found[-1].high) == (sure.min(), sure.max())

    def test_equal_confidences_share_one_bin(self):
        (only,) = reliability_bins([0.7] * 5, [1, 1, 0, 0, 0], bins=4, spacing="mass")
        assert (only.low, only.high, only.n) == (0.7, 0.7, 5)
        assert calibration_error([only]) == pytest.approx(0.3)


class TestWilson:
    @pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (7, 31)])
    @pytest.mark.parametrize("level", [0.8, 0.95])
    def test_against_scipy(self, successes: int, n: int, level: float):
        expected = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
        found = wilson_interval(successes, n, level)
        assert found == pytest.approx((expected.low, expected.high), abs=1e-12)

    def test_a_bin_carries_it(self):
        (only,) = reliability_bins([0.6, 0.6, 0.6], [1, 1, 0], bins=1)
        assert (only.accuracy_low, only.accuracy_high) == wilson_interval(2, 3)

    def test_refuses_what_is_no_proportion(self):
        for wrong in ((1, 0), (3, 2), (-1, 2)):
            with pytest.raises(ValueError, match="proportion"):
                wilson_interval(*wrong)


@pytest.mark.parametrize("spacing", ["width", "mass"])
def test_refuses_what_is_no_confidence(spacing):
    with pytest.raises(ValueError, match="confidence"):
        reliability_bins([1.2], [True], spacing=spacing)
    with pytest.raises(ValueError, match="do not fit"):
        reliability_bins([0.2, 0.3], [True], spacing=spacing)
    with pytest.raises(ValueError, match="at least one"):
        reliability_bins([], [], spacing=spacing)
