"""Our rounds on one-token answers are scikit-learn's AdaBoost (SAMME): an independent program."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from ensemble_core import boosting, combining, rounds
from ensemble_core.settings import BoostSettings

ROUNDS = 25


class Recorder(DecisionTreeClassifier):
    """A tree that keeps the sample weights it was trained with."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> "Recorder":  # noqa: N803
        self.seen_weights_ = np.array(sample_weight)
        return super().fit(X, y, sample_weight=sample_weight, **kwargs)


def boost(features: Any, labels: Any, classes: int, trees: list[Recorder]) -> Any:
    """Drive our rounds with the same kind of tree; yield weights before, outcome and tree."""
    state = rounds.initial_state(len(labels), reference_error=boosting.guessing_error(classes))
    for tree in trees:
        weights = state.weights
        ours = clone(tree)
        ours.fit(features, labels, sample_weight=weights)
        outcome = rounds.finish_round(
            state,
            wrong=ours.predict(features) != labels,
            example=np.arange(len(labels)),
            settings=BoostSettings(),
        )
        yield weights, outcome, ours
        state = outcome.state


@pytest.mark.parametrize(("classes", "depth"), [(2, 1), (3, 2), (5, 3)])
def test_weights_errors_and_alphas_agree_over_all_rounds(classes: int, depth: int):
    features, labels = make_classification(
        n_samples=400,
        n_features=12,
        n_informative=6,
        n_classes=classes,
        flip_y=0.15,
        random_state=classes,
    )
    theirs = AdaBoostClassifier(Recorder(max_depth=depth), n_estimators=ROUNDS, random_state=0).fit(
        features, labels
    )
    assert len(theirs.estimators_) == ROUNDS

    trees: list[Any] = []
    alphas: list[float] = []
    for index, (weights, outcome, tree) in enumerate(
        boost(features, labels, classes, theirs.estimators_)
    ):
        expected = theirs.estimators_[index].seen_weights_
        np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-6, atol=1e-12)
        assert outcome.error == pytest.approx(theirs.estimator_errors_[index], rel=1e-6)
        assert outcome.alpha == pytest.approx(theirs.estimator_weights_[index], rel=1e-6)
        assert outcome.accepted
        alphas.append(outcome.alpha)
        trees.append(tree)

    _assert_votes_agree(theirs, features, trees, alphas)


def _assert_votes_agree(theirs: Any, features: Any, trees: list[Any], alphas: list[float]) -> None:
    """Our `vote` over one-hot distributions picks scikit-learn's classes."""
    import torch

    one_hot = np.stack([np.eye(len(theirs.classes_))[tree.predict(features)] for tree in trees])
    log_probs = torch.from_numpy(one_hot).clamp_min(1e-30).log()
    voted = combining.combine(log_probs, alphas, "vote").argmax(dim=-1).numpy()
    np.testing.assert_array_equal(voted, theirs.predict(features))


class Contrarian(Recorder):
    """A tree that answers with the class after the one that it means."""

    def predict(self, X: Any, check_input: bool = True) -> Any:  # noqa: N803
        return (super().predict(X, check_input) + 1) % len(self.classes_)


def test_an_expert_worse_than_a_guess_is_refused_by_both():
    features, labels = make_classification(
        n_samples=100, n_informative=5, n_classes=3, random_state=0
    )
    with pytest.raises(ValueError, match="worse than random"):
        AdaBoostClassifier(Contrarian(max_depth=2), n_estimators=3).fit(features, labels)
    [(_, outcome, _)] = boost(features, labels, 3, [Contrarian(max_depth=2)])
    assert not outcome.accepted
