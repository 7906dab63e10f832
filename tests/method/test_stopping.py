import math

import numpy as np
import pytest

from ensemble_core.stopping import Optimism, choose_count, optimism

ONE_SE = "one_standard_error"


class TestBest:
    def test_is_the_maximum(self):
        assert choose_count([0.5, 0.7, 0.6]) == 2

    def test_is_the_first_of_ties(self):
        assert choose_count([0.5, 0.7, 0.6, 0.7]) == 2

    def test_of_one_is_one(self):
        assert choose_count([0.5]) == 1
        assert choose_count([0.5], [0.1], ONE_SE) == 1

    def test_a_loss_is_passed_negated(self):
        assert choose_count([-2.0, -1.5, -1.7]) == 2


class TestOneStandardError:
    def test_takes_the_smallest_within_the_error_of_the_best(self):
        values = [0.50, 0.66, 0.69, 0.70, 0.68]
        assert choose_count(values, [0.5, 0.5, 0.5, 0.05, 0.5], ONE_SE) == 2
        assert choose_count(values, [0.5, 0.5, 0.5, 0.02, 0.5], ONE_SE) == 3
        assert choose_count(values, [0.5, 0.5, 0.5, 0.25, 0.5], ONE_SE) == 1

    def test_exactly_one_error_below_is_within(self):
        assert 0.8 - 0.1 > 0.7  # what rounding makes of it
        assert choose_count([0.7, 0.8], [0.1, 0.1], ONE_SE) == 1

    def test_without_an_error_it_is_the_best(self):
        assert choose_count([0.5, 0.7, 0.7], [0, 0, 0], ONE_SE) == 2

    @pytest.mark.parametrize("seed", range(5))
    def test_against_a_loop(self, seed: int):
        generator = np.random.default_rng(seed)
        values, errors = generator.random(12).tolist(), (0.3 * generator.random(12)).tolist()
        best = max(range(12), key=values.__getitem__)
        expected = next(t for t in range(12) if values[t] >= values[best] - errors[best])
        assert choose_count(values, errors, ONE_SE) == expected + 1


class TestOptimism:
    def test_by_hand(self):
        found = optimism([0.5, 0.8, 0.7], [0.4, 0.5, 0.75])
        assert found == Optimism(chosen=2, best=3, at_chosen=0.5, at_best=0.75)
        assert found.difference == 0.25

    def test_is_zero_where_both_agree(self):
        assert optimism([0.5, 0.8], [0.4, 0.6]).difference == 0
        assert optimism([0.5], [0.4]) == Optimism(1, 1, 0.4, 0.4)

    def test_follows_the_rule(self):
        found = optimism([0.75, 0.8], [0.4, 0.6], [0.1, 0.1], ONE_SE)
        assert (found.chosen, found.difference) == (1, pytest.approx(0.2))

    def test_noise_alone_has_optimism(self):
        generator = np.random.default_rng(0)
        draws = [
            optimism(generator.normal(size=10), generator.normal(size=10)) for _ in range(2000)
        ]
        # The expected maximum of ten standard normals is 1.5388.
        assert np.mean([d.difference for d in draws]) == pytest.approx(1.5388, abs=0.1)


class TestRefusals:
    def test_values_that_are_not_finite(self):
        for wrong in (math.nan, math.inf):
            with pytest.raises(ValueError, match="not finite"):
                choose_count([0.5, wrong])
            with pytest.raises(ValueError, match="not finite"):
                choose_count([0.5, 0.6], [0.1, wrong], ONE_SE)
            with pytest.raises(ValueError, match="not finite"):
                optimism([0.5, 0.6], [0.5, wrong])

    def test_shapes_that_do_not_fit(self):
        with pytest.raises(ValueError, match="one value per count"):
            choose_count([])
        with pytest.raises(ValueError, match="1 test scores"):
            optimism([0.5, 0.6], [0.5])
        with pytest.raises(ValueError, match="needs a standard error"):
            choose_count([0.5, 0.6], [0.1], ONE_SE)

    def test_errors_that_are_missing_or_negative(self):
        with pytest.raises(ValueError, match="needs standard errors"):
            choose_count([0.5, 0.6], rule=ONE_SE)
        with pytest.raises(ValueError, match="not negative"):
            choose_count([0.5, 0.6], [0.1, -0.1], ONE_SE)
