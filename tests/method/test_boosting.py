"""The formulas of boosting, against hand computation and as properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from method_models import repeatable

from ensemble_core import boosting
from ensemble_core.boosting import expert_weight, unit_wrong, update_weights, weighted_error

errors = st.floats(0.0, 1.0)


class TestExpertWeight:
    def test_is_the_papers_formula(self):
        error, reference = 0.3, 0.8
        expected = math.log((1 - error) / error) + math.log(1 / (1 - reference) - 1)
        assert expert_weight(error, reference) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("classes", [2, 3, 10, 50_000])
    def test_a_guessing_reference_gives_sammes_second_term(self, classes: int):
        reference = boosting.guessing_error(classes)
        expected = math.log(0.7 / 0.3) + math.log(classes - 1)
        assert expert_weight(0.3, reference) == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("error", [0.0, 1.0])
    @pytest.mark.parametrize("reference", [0.0, 0.5, 1.0])
    def test_a_flawless_and_a_useless_expert_have_finite_weights(
        self, error: float, reference: float
    ):
        assert math.isfinite(expert_weight(error, reference))

    def test_the_ends_are_clamped_to_the_margin(self):
        margin = boosting.ERROR_MARGIN
        assert expert_weight(0.0, 0.5) == expert_weight(margin, 0.5)
        assert expert_weight(1.0, 0.5) == expert_weight(1 - margin, 0.5)

    @repeatable
    @given(errors, errors)
    def test_accepts_exactly_those_that_beat_the_reference(self, error: float, reference: float):
        beats = boosting.clamp_error(error) < boosting.clamp_error(reference)
        assert boosting.is_accepted(expert_weight(error, reference)) == beats

    @pytest.mark.parametrize("bad", [math.nan, -0.1, 1.1, math.inf])
    def test_refuses_what_is_no_error_rate(self, bad: float):
        with pytest.raises(ValueError, match="error rate"):
            expert_weight(bad, 0.5)
        with pytest.raises(ValueError, match="error rate"):
            expert_weight(0.5, bad)

    def test_one_class_is_no_classification(self):
        with pytest.raises(ValueError, match="two classes"):
            boosting.guessing_error(1)


class TestUpdate:
    def test_by_hand(self):
        # Wrong weights double (α = log 2): 1, 2·2, 1 of 6.
        updated = update_weights([0.25, 0.5, 0.25], [False, True, False], math.log(2))
        np.testing.assert_allclose(updated, [1 / 6, 4 / 6, 1 / 6])

    def test_half_the_weight_is_on_the_wrong_tokens_after_a_binary_update(self):
        # The known property of AdaBoost with K = 2: the last expert is a coin under new weights.
        weights, wrong = np.full(10, 0.1), np.arange(10) < 3
        alpha = expert_weight(weighted_error(weights, wrong), boosting.guessing_error(2))
        assert weighted_error(update_weights(weights, wrong, alpha), wrong) == pytest.approx(0.5)

    @repeatable
    @given(
        st.lists(st.tuples(st.floats(1e-12, 1e3), st.booleans()), min_size=1, max_size=40),
        st.floats(-800, 800),
    )
    def test_weights_stay_a_distribution(self, tokens: list[tuple[float, bool]], alpha: float):
        weights, wrong = map(np.array, zip(*tokens, strict=True))
        updated = update_weights(weights, wrong, alpha)
        assert np.isfinite(updated).all()
        assert (updated >= 0).all()
        assert updated.sum() == pytest.approx(1.0)

    def test_logs_stay_finite_over_500_rounds(self):
        generator = np.random.default_rng(0)
        logs = np.full(200, -math.log(200))
        for _ in range(500):
            logs = boosting.update_log_weights(logs, generator.random(200) < 0.02, 13.8)
        assert np.isfinite(logs).all()
        assert np.exp(logs).sum() == pytest.approx(1.0)

    def test_a_weight_of_zero_stays_zero(self):
        updated = update_weights([0.0, 1.0, 1.0], [True, True, False], 1.0)
        assert updated[0] == 0

    def test_order_of_tokens_does_not_matter(self):
        generator = np.random.default_rng(1)
        weights, wrong = generator.random(50), generator.random(50) < 0.4
        order = generator.permutation(50)
        updated = update_weights(weights, wrong, 0.7)
        np.testing.assert_allclose(
            update_weights(weights[order], wrong[order], 0.7), updated[order]
        )

    @pytest.mark.parametrize(
        "weights", [[math.nan, 1.0], [math.inf, 1.0], [-1.0, 2.0], [0.0, 0.0], [1.0], []]
    )
    def test_refuses_what_is_no_measure(self, weights: list[float]):
        with pytest.raises(ValueError, match=r"weights|arrays"):
            update_weights(weights, [True, False], 1.0)

    def test_refuses_an_expert_weight_that_is_not_finite(self):
        with pytest.raises(ValueError, match="finite"):
            update_weights([0.5, 0.5], [True, False], math.nan)


class TestWeightedError:
    @repeatable
    @given(st.lists(st.tuples(st.floats(1e-9, 1e9), st.booleans()), min_size=1, max_size=30))
    def test_is_a_share(self, tokens: list[tuple[float, bool]]):
        weights, wrong = zip(*tokens, strict=True)
        assert 0.0 <= weighted_error(weights, wrong) <= 1.0

    def test_all_wrong_is_exactly_one(self):
        assert weighted_error(np.full(7, 0.1), np.ones(7, dtype=bool)) == 1.0


class TestUnits:
    wrong = np.array([0, 1, 0, 0, 0, 0, 0, 1], dtype=bool)
    example = np.array([0, 0, 0, 0, 0, 1, 2, 2])

    def test_a_token_is_its_own_unit(self):
        np.testing.assert_array_equal(unit_wrong(self.wrong, self.example, "token"), self.wrong)

    def test_a_sample_is_wrong_when_any_of_its_tokens_is(self):
        expected = [1, 1, 1, 1, 1, 0, 1, 1]
        np.testing.assert_array_equal(unit_wrong(self.wrong, self.example, "sample"), expected)

    def test_windows_start_at_each_answer_and_the_last_may_be_short(self):
        expected = [1, 1, 0, 0, 0, 0, 1, 1]
        found = unit_wrong(self.wrong, self.example, "window", 2)
        np.testing.assert_array_equal(found, expected)

    @repeatable
    @given(
        st.lists(st.lists(st.booleans(), min_size=1, max_size=9), min_size=1, max_size=6),
        st.integers(1, 10),
    )
    def test_windows_against_slices(self, answers: list[list[bool]], window: int):
        expected: list[bool] = []
        for answer in answers:
            for start in range(0, len(answer), window):
                part = answer[start : start + window]
                expected += [any(part)] * len(part)
        example = [index for index, answer in enumerate(answers) for _ in answer]
        found = unit_wrong([w for a in answers for w in a], example, "window", window)
        np.testing.assert_array_equal(found, expected)

    def test_examples_need_not_be_contiguous(self):
        found = unit_wrong([1, 0, 0, 0], [0, 1, 0, 1], "sample")
        np.testing.assert_array_equal(found, [1, 0, 1, 0])

    @pytest.mark.parametrize(("unit", "window"), [("window", None), ("token", 2), ("window", 0)])
    def test_window_goes_with_its_unit(self, unit: str, window: int | None):
        with pytest.raises(ValueError, match="window"):
            unit_wrong([True], [0], unit, window)  # type: ignore[arg-type]


@pytest.mark.parametrize("cap", [1.0, 1.5, 3.0, 50.0])
def test_a_cap_is_kept_and_the_rest_keep_their_proportions(cap):
    rng = np.random.default_rng(0)
    weights = rng.exponential(size=40) ** 3
    capped = np.exp(boosting.cap_log_weights(np.log(weights), cap))
    assert capped.sum() == pytest.approx(1)
    assert capped.max() <= cap / 40 * (1 + 1e-9)
    free = capped < cap / 40 * (1 - 1e-9)
    if free.any():
        ratios = capped[free] / weights[free]
        np.testing.assert_allclose(ratios, ratios[0])
        assert ratios[0] >= (1 / weights.sum()) * (1 - 1e-9), "what is cut off goes to the others"


def test_a_cap_below_the_mean_is_refused():
    with pytest.raises(ValueError, match="below the mean"):
        boosting.cap_log_weights(np.zeros(3), 0.9)
