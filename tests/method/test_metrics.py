"""Metrics against scipy and against loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from method_models import repeatable
from scipy import stats

from ensemble_core import metrics


class TestPgr:
    def test_by_hand(self):
        assert metrics.pgr(0.4, 0.55, 0.7) == pytest.approx(0.5)
        assert metrics.pgr(0.4, 0.4, 0.7) == 0
        assert metrics.pgr(0.4, 0.3, 0.7) == pytest.approx(-1 / 3)

    @pytest.mark.parametrize("ceiling", [0.4, 0.3])
    def test_undefined_without_a_gap(self, ceiling: float):
        assert metrics.pgr(0.4, 0.5, ceiling) is None

    def test_refuses_nan(self):
        with pytest.raises(ValueError, match="finite"):
            metrics.pgr(math.nan, 0.5, 0.7)


class TestIntervals:
    values = (0.31, 0.35, 0.29, 0.40, 0.33)

    @pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
    def test_is_students_t(self, level: float):
        found = metrics.mean_interval(self.values, level)
        expected = stats.ttest_1samp(self.values, 0).confidence_interval(level)
        assert found.mean == pytest.approx(np.mean(self.values))
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
        assert found.n == 5
        assert found.half_width == pytest.approx((expected.high - expected.low) / 2)

    def test_one_value_has_no_interval(self):
        found = metrics.mean_interval([0.4])
        assert (found.mean, found.low, found.high, found.n) == (0.4, None, None, 1)
        assert found.half_width is None

    def test_equal_values_have_a_point(self):
        found = metrics.mean_interval([0.5, 0.5, 0.5])
        assert (found.low, found.high) == (0.5, 0.5)

    def test_pairing_removes_what_both_share(self):
        seeds = np.array([0.2, 0.5, 0.8, 0.4])
        better = seeds + np.array([0.02, 0.03, 0.02, 0.03])
        found = metrics.paired_difference(better, seeds)
        expected = stats.ttest_rel(better, seeds).confidence_interval()
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
        assert found.low is not None
        assert found.low > 0

    def test_refuses_nothing_nan_and_unequal_pairs(self):
        with pytest.raises(ValueError, match="at least one"):
            metrics.mean_interval([])
        with pytest.raises(ValueError, match="finite"):
            metrics.mean_interval([0.1, math.nan])
        with pytest.raises(ValueError, match="equal lengths"):
            metrics.paired_difference([1.0, 2.0], [1.0])
        with pytest.raises(ValueError, match="level"):
            metrics.mean_interval([0.1, 0.2], level=95)


class TestStandardErrors:
    def test_of_a_proportion(self):
        assert metrics.proportion_standard_error(0.25, 100) == pytest.approx(0.0433012702)

    def test_of_independent_values(self):
        values = [1.0, 2.0, 4.0, 8.0]
        assert metrics.standard_error(values) == pytest.approx(stats.sem(values))
        assert math.isnan(metrics.standard_error([1.0]))

    def test_clusters_of_one_are_independent_values(self):
        values = np.random.default_rng(0).random(50)
        found = metrics.clustered_standard_error(values, np.arange(50))
        assert found == pytest.approx(stats.sem(values))

    def test_repeating_each_value_adds_no_information(self):
        values = np.random.default_rng(1).random(40)
        found = metrics.clustered_standard_error(np.repeat(values, 7), np.repeat(np.arange(40), 7))
        assert found == pytest.approx(stats.sem(values))

    def test_covers_the_spread_of_unequal_clusters(self):
        generator = np.random.default_rng(2)

        def draw() -> tuple[np.ndarray, np.ndarray]:
            lengths = generator.integers(1, 8, size=120)
            difficulty = generator.normal(size=120)
            cluster = np.repeat(np.arange(120), lengths)
            return difficulty[cluster] + 0.3 * generator.normal(size=len(cluster)), cluster

        samples = [draw() for _ in range(300)]
        estimated = np.mean([metrics.clustered_standard_error(*sample) for sample in samples])
        actual = np.std([values.mean() for values, _ in samples])
        assert estimated == pytest.approx(actual, rel=0.12)

    def test_one_cluster_says_nothing(self):
        assert math.isnan(metrics.clustered_standard_error([1.0, 0.0], [3, 3]))


class TestCalibration:
    def test_by_hand(self):
        # Bins of width 0.5: {0.2 wrong, 0.4 right} and {0.9 right, 0.7 right}.
        found = metrics.expected_calibration_error([0.2, 0.4, 0.9, 0.7], [0, 1, 1, 1], bins=2)
        assert found == pytest.approx(0.5 * abs(0.5 - 0.3) + 0.5 * abs(1.0 - 0.8))

    @repeatable
    @given(
        st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60),
        st.integers(1, 20),
    )
    def test_against_a_loop_over_bins(self, pairs: list[tuple[float, bool]], bins: int):
        expected = 0.0
        for b in range(bins):
            inside = [
                (c, r)
                for c, r in pairs
                if (b < math.ceil(c * bins) <= b + 1) or (b == 0 and math.ceil(c * bins) == 0)
            ]
            if inside:
                confidence = sum(c for c, _ in inside) / len(inside)
                accuracy = sum(r for _, r in inside) / len(inside)
                expected += len(inside) / len(pairs) * abs(accuracy - confidence)
        sure, right = zip(*pairs, strict=True)
        found = metrics.expected_calibration_error(sure, right, bins)
        assert found == pytest.approx(expected, abs=1e-9)

    def test_a_confidence_rounded_above_one_is_one(self):
        assert metrics.expected_calibration_error([1 + 1e-7], [True]) == pytest.approx(0, abs=1e-6)

    def test_refuses_what_is_no_confidence(self):
        with pytest.raises(ValueError, match="confidence"):
            metrics.expected_calibration_error([1.2], [True])
