"""Rounds of boosting, and ensembles, of models with a class head on a task that they can learn."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from method_models import make_tiny_expert

from ensemble_core import rounds
from ensemble_core.boosting import guessing_error
from ensemble_core.combining import COMBINERS
from ensemble_core.encoding import Encoded, TokenDataset
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.models.class_head import add_class_head, count_classes
from ensemble_core.scoring import score_tokens, token_errors
from ensemble_core.settings import BoostSettings, TrainingSettings
from ensemble_core.training import train

CLASSES = 3
WEAK = TrainingSettings(epochs=2, batch_size=16, learning_rate=1e-2)


def make_examples(n: int, seed: int) -> TokenDataset:
    """Prompts of 2 to 5 tokens; the class is the sum of the last two, modulo K."""
    rng = np.random.default_rng(seed)
    examples: list[Encoded] = []
    for _ in range(n):
        prompt = rng.integers(3, 9, size=rng.integers(2, 6)).tolist()
        examples.append(Encoded((*prompt, sum(prompt[-2:]) % CLASSES), len(prompt)))
    return TokenDataset(examples)


@pytest.fixture(scope="module")
def labelled() -> TokenDataset:
    return make_examples(120, seed=0)


@pytest.fixture(scope="module")
def unseen() -> TokenDataset:
    return make_examples(120, seed=1)


def make_classifier(seed: int) -> Any:
    return add_class_head(make_tiny_expert(0), CLASSES, seed)


@pytest.fixture(scope="module")
def boosted(labelled: TokenDataset) -> list[tuple[Any, Any, rounds.RoundOutcome]]:
    """Three rounds: the state before, the expert, and the outcome."""
    state = rounds.initial_state(len(labelled), reference_error=guessing_error(CLASSES))
    done: list[tuple[Any, Any, rounds.RoundOutcome]] = []
    for number in (1, 2, 3):
        expert = make_classifier(number)
        weights = state.weights if number > 1 else None
        train(expert, labelled, WEAK, seed=number, token_weights=weights)
        outcome = rounds.finish_round(
            state,
            wrong=token_errors(expert, labelled),
            example=labelled.example,
            settings=BoostSettings(),
        )
        done.append((state, expert, outcome))
        state = outcome.state
    return done


def test_a_head_learns_the_task(unseen: TokenDataset) -> None:
    expert = make_classifier(0)
    before = token_errors(expert, unseen).mean()
    train(expert, make_examples(500, seed=2), WEAK.model_copy(update={"epochs": 6}), seed=0)
    assert token_errors(expert, unseen).mean() < 0.1 < 0.5 < before


def test_rounds_are_samme_by_hand(
    boosted: list[tuple[Any, Any, rounds.RoundOutcome]], labelled: TokenDataset
) -> None:
    weights = np.full(len(labelled), 1 / len(labelled))
    for state, expert, outcome in boosted:
        np.testing.assert_allclose(state.weights, weights, rtol=1e-9)
        wrong = score_tokens(expert, labelled).predicted != labelled.answer_tokens
        error = weights[wrong].sum()
        assert 0 < error < 2 / 3
        alpha = math.log((1 - error) / error) + math.log(CLASSES - 1)
        assert outcome.error == pytest.approx(error)
        assert outcome.alpha == pytest.approx(alpha)
        assert outcome.accepted
        weights = weights * np.exp(alpha * wrong)
        weights /= weights.sum()


def test_weighted_examples_are_learned_better(labelled: TokenDataset) -> None:
    weights = np.where(labelled.answer_tokens == 2, 20.0, 1.0)
    plain, weighted = make_classifier(1), make_classifier(1)
    train(plain, labelled, WEAK, seed=1)
    train(weighted, labelled, WEAK, seed=1, token_weights=weights)
    heavy = labelled.answer_tokens == 2
    assert token_errors(weighted, labelled)[heavy].mean() < 0.05
    assert (
        token_errors(weighted, labelled)[heavy].mean() < token_errors(plain, labelled)[heavy].mean()
    )


@torch.no_grad()
def class_probabilities(expert: Any, data: TokenDataset) -> np.ndarray:
    """One prompt at a time, without padding, shape [n, K]."""
    rows = [
        expert(input_ids=torch.tensor([example.prompt_ids])).logits[0, -1].double().softmax(-1)
        for example in data.examples
    ]
    return torch.stack(rows).numpy()


@pytest.mark.parametrize("combiner", [name for name in COMBINERS if name != "vote"])
def test_two_heads_combine_as_by_hand(
    boosted: list[tuple[Any, Any, rounds.RoundOutcome]], unseen: TokenDataset, combiner: Any
) -> None:
    (_, first, one), (_, second, two), _ = boosted
    a = one.alpha / (one.alpha + two.alpha)
    p, q = class_probabilities(first, unseen), class_probabilities(second, unseen)
    expected = {
        "mean": a * p + (1 - a) * q,
        "product": p**a * q ** (1 - a),
        "uniform": (p + q) / 2,
    }[combiner]
    expected /= expected.sum(axis=1, keepdims=True)
    ensemble = TokenEnsembleForCausalLM.from_experts(
        [first, second], [one.alpha, two.alpha], combiner
    )
    scores = score_tokens(ensemble, unseen)
    own = np.take_along_axis(expected, unseen.answer_tokens[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(np.exp(scores.log_probs), own, atol=1e-5)
    np.testing.assert_allclose(scores.confidences, expected.max(axis=1), atol=1e-5)
    np.testing.assert_array_equal(scores.predicted, expected.argmax(axis=1))


def test_votes_are_those_of_the_heavier_side(
    boosted: list[tuple[Any, Any, rounds.RoundOutcome]], unseen: TokenDataset
) -> None:
    experts = [expert for _, expert, _ in boosted]
    alphas = [outcome.alpha for _, _, outcome in boosted]
    ballots = np.zeros((len(unseen), CLASSES))
    for expert, alpha in zip(experts, alphas, strict=True):
        choice = class_probabilities(expert, unseen).argmax(axis=1)
        ballots[np.arange(len(unseen)), choice] += alpha
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, alphas, "vote")
    assert count_classes(ensemble) == CLASSES
    np.testing.assert_array_equal(score_tokens(ensemble, unseen).predicted, ballots.argmax(axis=1))
