"""The rounds of boosting: state between rounds, and the rules that end them.

One call of `finish_round` follows each training. It touches arrays only; training, measuring and
storing happen elsewhere, so any learner with a token (or class) error can be driven by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ensemble_core import boosting
from ensemble_core.boosting import BoolArray, FloatArray
from ensemble_core.errors import StageError
from ensemble_core.settings import BoostSettings

REJECTIONS_THAT_END = 2
"""Rejected experts in a row after which boosting stops."""


@dataclass(frozen=True, eq=False)
class BoostState:
    """What a round hands to the next."""

    log_weights: FloatArray
    """log D over the N answer tokens, normalised (Σ exp = 1)."""
    reference_error: float | None = None
    """ε_pre; None until the first round has measured it."""
    rejections_in_row: int = 0
    round: int = 0
    """Rounds finished."""
    ended: bool = False
    """No further round may follow."""

    @property
    def weights(self) -> FloatArray:
        """D over the answer tokens, of sum 1, shape [N]."""
        return np.exp(self.log_weights)

    def arrays(self) -> dict[str, FloatArray]:
        """The part that belongs into an array file (safetensors, npy)."""
        return {"log_weights": self.log_weights}

    def scalars(self) -> dict[str, Any]:
        """The part that belongs into JSON."""
        return {name: value for name, value in vars(self).items() if name != "log_weights"}

    @classmethod
    def restore(cls, arrays: Mapping[str, ArrayLike], scalars: Mapping[str, Any]) -> "BoostState":
        """Rebuild a state from what `arrays` and `scalars` gave."""
        log_weights = np.asarray(arrays["log_weights"], dtype=np.float64)
        return cls(log_weights=log_weights, **scalars)


@dataclass(frozen=True, eq=False)
class RoundOutcome:
    """How a round ended."""

    state: BoostState
    """What the next round starts from."""
    alpha: float
    """The expert's weight, as measured; not positive for a rejected expert."""
    error: float
    """ε, its weighted error before clamping."""
    accepted: bool
    ended: bool
    """Boosting stops here."""


@dataclass(frozen=True)
class ExpertChoice:
    """Which rounds' experts an ensemble uses."""

    experts: tuple[int, ...]
    """Indices of the chosen rounds, counted from 0."""
    alphas: tuple[float, ...]
    """Their weights, positive."""
    note: str | None = None
    """What a table must say about the choice, if anything."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        return asdict(self)


def initial_state(n_tokens: int, *, reference_error: float | None = None) -> BoostState:
    """Before round 1: uniform weights over the answer tokens.

    Args:
        n_tokens: N, the answer tokens of the labelled set (for classification: its examples).
        reference_error: ε_pre where it is known beforehand; for K classes `guessing_error(K)`.

    Raises:
        ValueError: There is no token.
    """
    if n_tokens < 1:
        raise ValueError("boosting needs at least one answer token")
    return BoostState(np.full(n_tokens, -np.log(n_tokens)), reference_error)


def finish_round(
    state: BoostState,
    *,
    wrong: ArrayLike,
    reference_wrong: ArrayLike | None = None,
    example: ArrayLike,
    judged: ArrayLike | None = None,
    settings: BoostSettings,
) -> RoundOutcome:
    """Weigh the expert that was just trained, and reweigh the tokens for the next.

    A rejected expert (α ≤ 0) leaves the weights as they are; two in a row end the boosting. Tokens
    that are not judged have weights too, so that what one round leaves out the next may ask about.

    Args:
        state: What the round started from.
        wrong: Whether the expert's argmax misses each answer token, shape [N].
        reference_wrong: The same for the pretrained model; needed until ε_pre is known.
        example: The example that each token belongs to, shape [N].
        judged: The tokens on which ε is measured, shape [N]; default: all.
        settings: The unit that is reweighed, and how.

    Raises:
        StageError: Boosting had ended before, or no token can be judged.
        ValueError: Shapes differ, or ε_pre is neither known nor measurable.
    """
    if state.ended:
        raise StageError("boosting has ended", where=f"round {state.round + 1}")
    mask = boosting.unit_wrong(wrong, example, settings.unit, settings.window)
    counted = _judged(judged, mask, state.round + 1)
    reference_error = _reference_error(state, reference_wrong, example, counted, settings)
    error = boosting.weighted_error(state.weights[counted], mask[counted])
    alpha = boosting.expert_weight(error, reference_error)
    measured = replace(state, reference_error=reference_error, round=state.round + 1)
    if boosting.is_accepted(alpha):
        after = replace(
            measured, log_weights=_reweighed(state, mask, alpha, settings), rejections_in_row=0
        )
        return RoundOutcome(after, alpha, error, accepted=True, ended=False)
    rejections = state.rejections_in_row + 1
    ended = rejections >= REJECTIONS_THAT_END
    after = replace(measured, rejections_in_row=rejections, ended=ended)
    return RoundOutcome(after, alpha, error, accepted=False, ended=ended)


def choose_experts(alphas: Sequence[float], count: int | None = None) -> ExpertChoice:
    """Choose the first `count` accepted experts; the floor where all were rejected.

    Args:
        alphas: α of each finished round in order, rejected ones (α ≤ 0) included.
        count: How many accepted experts to use; None is all.

    Raises:
        ValueError: No round has finished, or `count` is below 1.
    """
    if not alphas:
        raise ValueError("no round has finished")
    if count is not None and count < 1:
        raise ValueError(f"an ensemble needs at least one expert, not {count}")
    accepted = [index for index, alpha in enumerate(alphas) if boosting.is_accepted(alpha)]
    if not accepted:
        return ExpertChoice((0,), (1.0,), "every expert was rejected: the ensemble is the floor")
    chosen = tuple(accepted[:count])
    note = None
    if count is not None and len(chosen) < count:
        note = f"{count} experts were asked for, {len(chosen)} accepted: all of these are used"
    return ExpertChoice(chosen, tuple(alphas[index] for index in chosen), note)


def sampling_probabilities(log_weights: ArrayLike, example: ArrayLike) -> FloatArray:
    """The weight that each example carries: the sum over its answer tokens, normalised.

    Args:
        log_weights: log D, shape [N].
        example: The example (0, 1, …) that each token belongs to, shape [N].

    Returns:
        Probabilities of sum 1, shape [number of examples].

    Raises:
        ValueError: Shapes differ, or the weights are not a finite measure.
    """
    logs = boosting.normalise_log_weights(np.asarray(log_weights, dtype=np.float64))
    carried = np.bincount(np.asarray(example, dtype=np.int64), weights=np.exp(logs))
    return carried / carried.sum()


def round_seed(seed: int, round: int) -> int:
    """The training seed of a round, below 2³²; rounds and replicates never share one by design.

    Args:
        seed: The replicate's seed, not negative.
        round: The round, counted from 1.
    """
    return int(np.random.SeedSequence([seed, round]).generate_state(1)[0])


def _judged(judged: ArrayLike | None, mask: BoolArray, round: int) -> BoolArray:
    if judged is None:
        return np.ones_like(mask)
    counted = np.asarray(judged, dtype=np.bool_)
    if counted.shape != mask.shape:
        raise ValueError(f"{len(mask)} tokens, judged {counted.shape}")
    if not counted.any():
        raise StageError(
            "there is no token to judge the expert on",
            where=f"round {round}",
            hint="the labelled set is too small for `error: oob`; set it to train or heldout",
        )
    return counted


def _reweighed(
    state: BoostState, mask: BoolArray, alpha: float, settings: BoostSettings
) -> FloatArray:
    bound = settings.update_bound
    step = alpha if bound is None else min(alpha, bound)
    logs = boosting.update_log_weights(state.log_weights, mask, step)
    return (
        logs if settings.weight_cap is None else boosting.cap_log_weights(logs, settings.weight_cap)
    )


def _reference_error(
    state: BoostState,
    reference_wrong: ArrayLike | None,
    example: ArrayLike,
    judged: BoolArray,
    settings: BoostSettings,
) -> float:
    """ε_pre over the same units as ε, but under uniform weights.

    What one round drew is nothing to the pretrained model: out of bag, it is judged on all tokens.
    """
    if state.reference_error is not None:
        return state.reference_error
    if reference_wrong is None:
        raise ValueError("the first round needs the pretrained model's errors")
    mask = boosting.unit_wrong(reference_wrong, example, settings.unit, settings.window)
    counted = np.ones_like(mask) if settings.error == "oob" else judged
    return boosting.weighted_error(np.ones(int(counted.sum())), mask[counted])
