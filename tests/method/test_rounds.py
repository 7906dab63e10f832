"""The rules of the rounds: rejection, the end, the choice of experts, resuming."""

import json

import numpy as np
import pytest

from ensemble_core import boosting, rounds
from ensemble_core.errors import StageError
from ensemble_core.rounds import BoostState, RoundOutcome, choose_experts, finish_round
from ensemble_core.settings import BoostSettings

N = 12
EXAMPLE = np.arange(N) // 3
PRETRAINED = np.arange(N) < 8  # wrong on 8 of 12
GOOD, BAD = np.arange(N) < 3, np.arange(N) < 9
TOKENS = BoostSettings()


def finish(state: BoostState, wrong: np.ndarray, settings: BoostSettings = TOKENS) -> RoundOutcome:
    return finish_round(
        state, wrong=wrong, reference_wrong=PRETRAINED, example=EXAMPLE, settings=settings
    )


def test_the_first_round_measures_the_pretrained_model():
    outcome = finish(rounds.initial_state(N), GOOD)
    assert outcome.error == pytest.approx(3 / 12)
    assert outcome.state.reference_error == pytest.approx(8 / 12)
    assert outcome.alpha == pytest.approx(np.log(3) + np.log(2))
    assert outcome.accepted
    assert not outcome.ended


def test_an_accepted_expert_reweighs_the_tokens():
    outcome = finish(rounds.initial_state(N), GOOD)
    expected = boosting.update_weights(np.ones(N), GOOD, outcome.alpha)
    np.testing.assert_allclose(outcome.state.weights, expected)
    assert outcome.state.weights.sum() == pytest.approx(1)


def test_the_reference_stays_uniform_while_the_error_is_weighted():
    second = finish(finish(rounds.initial_state(N), GOOD).state, BAD)
    assert second.state.reference_error == pytest.approx(8 / 12)
    assert second.error == pytest.approx(24 / 27)  # of 3 tokens of weight 6 and 9 of 1


def test_a_rejected_expert_keeps_the_weights():
    before = rounds.initial_state(N)
    outcome = finish(before, BAD)
    assert outcome.alpha < 0
    assert not outcome.accepted
    np.testing.assert_array_equal(outcome.state.log_weights, before.log_weights)
    assert (outcome.state.round, outcome.state.rejections_in_row) == (1, 1)


def test_an_expert_as_good_as_the_pretrained_model_is_rejected():
    outcome = finish(rounds.initial_state(N), PRETRAINED)
    assert outcome.alpha == 0
    assert not outcome.accepted


def test_two_rejections_in_a_row_end_the_boosting():
    first = finish(rounds.initial_state(N), BAD)
    second = finish(first.state, BAD)
    assert not first.ended
    assert second.ended
    assert second.state.ended
    with pytest.raises(StageError, match="ended"):
        finish(second.state, GOOD)


def test_an_accepted_expert_between_two_rejected_ones_goes_on():
    state = finish(finish(rounds.initial_state(N), BAD).state, GOOD).state
    assert state.rejections_in_row == 0
    worst = ~(state.weights < state.weights.max())  # all of the heavy tokens and nothing else
    assert not finish(state, worst).ended


@pytest.mark.parametrize(
    ("settings", "wrong_tokens"),
    [(BoostSettings(unit="sample"), 3), (BoostSettings(unit="window", window=2), 2)],
)
def test_the_unit_counts_in_error_and_reference_alike(settings: BoostSettings, wrong_tokens: int):
    one_wrong = np.zeros(N, dtype=bool)
    one_wrong[0] = True
    outcome = finish_round(
        rounds.initial_state(N),
        wrong=one_wrong,
        reference_wrong=one_wrong,
        example=EXAMPLE,
        settings=settings,
    )
    assert outcome.error == pytest.approx(wrong_tokens / N)
    assert outcome.state.reference_error == pytest.approx(wrong_tokens / N)


def test_classification_starts_with_a_known_reference():
    state = rounds.initial_state(N, reference_error=boosting.guessing_error(4))
    outcome = finish_round(state, wrong=GOOD, example=np.arange(N), settings=TOKENS)
    assert outcome.alpha == pytest.approx(np.log(3) + np.log(4 - 1))


def test_without_a_reference_there_is_no_first_round():
    with pytest.raises(ValueError, match="pretrained"):
        finish_round(rounds.initial_state(N), wrong=GOOD, example=EXAMPLE, settings=TOKENS)


def test_a_state_survives_arrays_and_json():
    state = finish(rounds.initial_state(N), GOOD).state
    restored = BoostState.restore(state.arrays(), json.loads(json.dumps(state.scalars())))
    one, other = finish(state, BAD), finish(restored, BAD)
    np.testing.assert_array_equal(one.state.log_weights, other.state.log_weights)
    assert one.state.scalars() == other.state.scalars()
    assert (one.alpha, one.error) == (other.alpha, other.error)


def test_there_must_be_a_token():
    with pytest.raises(ValueError, match="at least one"):
        rounds.initial_state(0)


class TestChoice:
    alphas = (0.5, -0.1, 1.5, 0.7)

    def test_all_accepted_by_default(self):
        choice = choose_experts(self.alphas)
        assert choice.experts == (0, 2, 3)
        assert choice.alphas == (0.5, 1.5, 0.7)
        assert choice.note is None

    def test_the_first_accepted_ones(self):
        assert choose_experts(self.alphas, 2).experts == (0, 2)

    def test_more_than_were_accepted_says_so(self):
        choice = choose_experts(self.alphas, 4)
        assert choice.experts == (0, 2, 3)
        assert choice.note is not None
        assert "4 experts" in choice.note

    def test_all_rejected_is_the_floor_and_says_so(self):
        choice = choose_experts([-1.0, 0.0], 2)
        assert (choice.experts, choice.alphas) == ((0,), (1.0,))
        assert choice.note is not None
        assert "floor" in choice.note

    def test_refuses_nothing_to_choose(self):
        with pytest.raises(ValueError, match="round"):
            choose_experts([])
        with pytest.raises(ValueError, match="at least one"):
            choose_experts([1.0], 0)


def test_sampling_follows_the_weight_that_an_example_carries():
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    found = rounds.sampling_probabilities(np.log(weights), [0, 0, 1, 2])
    np.testing.assert_allclose(found, [0.3, 0.3, 0.4])


def test_round_seeds_differ_and_repeat():
    seeds = {rounds.round_seed(seed, round) for seed in range(20) for round in range(1, 21)}
    assert len(seeds) == 400
    assert rounds.round_seed(3, 4) == rounds.round_seed(3, 4)
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_the_error_is_measured_where_the_expert_is_judged():
    held_out = np.arange(N) >= 6
    outcome = finish_round(
        rounds.initial_state(N),
        wrong=GOOD,  # on tokens 0 to 2: none of those that count
        reference_wrong=PRETRAINED,  # 6 and 7 of the last six
        example=EXAMPLE,
        judged=held_out,
        settings=BoostSettings(error="heldout"),
    )
    assert outcome.error == 0
    assert outcome.state.reference_error == pytest.approx(2 / 6)
    assert outcome.state.weights[0] > outcome.state.weights[6], "wrong tokens weigh more anywhere"


def test_out_of_bag_the_pretrained_model_is_judged_on_everything():
    outcome = finish_round(
        rounds.initial_state(N),
        wrong=GOOD,
        reference_wrong=PRETRAINED,
        example=EXAMPLE,
        judged=np.arange(N) < 6,
        settings=BoostSettings(error="oob", update="resample"),
    )
    assert outcome.error == pytest.approx(3 / 6)
    assert outcome.state.reference_error == pytest.approx(8 / 12)


def test_an_expert_that_nothing_can_judge_is_an_error():
    with pytest.raises(StageError, match="no token to judge"):
        finish_round(
            rounds.initial_state(N),
            wrong=GOOD,
            reference_wrong=PRETRAINED,
            example=EXAMPLE,
            judged=np.zeros(N, bool),
            settings=BoostSettings(error="oob", update="resample"),
        )


def test_robust_updates_limit_what_one_round_and_what_all_rounds_do_to_a_token():
    free = finish(rounds.initial_state(N), GOOD)
    bounded = finish(rounds.initial_state(N), GOOD, BoostSettings(update_bound=0.5))
    capped = finish(rounds.initial_state(N), GOOD, BoostSettings(weight_cap=2))
    assert bounded.alpha == capped.alpha == free.alpha, "the expert's vote is as it was measured"
    weights = bounded.state.weights
    assert weights[0] / weights[-1] == pytest.approx(np.exp(0.5))
    assert capped.state.weights.max() == pytest.approx(2 / N)
    assert free.state.weights.max() > 2 / N
