"""Which examples a training sees, in which order; decided by the seed alone."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def bootstrap(probabilities: NDArray[np.float64], rng: np.random.Generator) -> Ints:
    """Draw as many examples as there are, with replacement, in proportion to `probabilities`.

    One draw serves all epochs of a training, as in bagging (Breiman 1996) and boosting by
    resampling (Freund and Schapire 1997): what it left out is out of bag.

    Args:
        probabilities: Not negative, not all 0, shape [n].
        rng: The source of randomness.

    Returns:
        Indices of examples, ascending, shape [n].

    Raises:
        ValueError: A probability is negative or not finite, or all are 0.
    """
    weights = np.asarray(probabilities, dtype=np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
        raise ValueError("probabilities must be finite, not negative, and not all 0")
    return np.sort(rng.choice(len(weights), size=len(weights), p=weights / weights.sum()))


def n_steps(n_examples: int, epochs: float, batch_size: int) -> int:
    """Optimizer steps of a training; the last one may have a smaller batch."""
    return -(-_n_seen(n_examples, epochs) // batch_size)


def batches(
    examples: Ints, *, epochs: float, batch_size: int, rng: np.random.Generator
) -> Iterator[Ints]:
    """Global batches over shuffled passes; a batch may span the border of two passes.

    Args:
        examples: Indices of the examples of one pass, shape [n]; some may repeat.
        epochs: Passes; a fraction is allowed, and at least one example is seen.
        batch_size: Examples per batch; the last may be smaller.
        rng: The source of randomness.
    """
    left, pool = _n_seen(len(examples), epochs), examples[:0]
    while left > 0:
        size = min(batch_size, left)
        while len(pool) < size:
            pool = np.concatenate([pool, rng.permutation(examples)])
        yield pool[:size]
        pool, left = pool[size:], left - size


def share(batch: Ints, rank: int, size: int) -> Ints:
    """A worker's share of a global batch; may be empty."""
    return batch[rank::size]


def _n_seen(n_examples: int, epochs: float) -> int:
    return max(1, round(n_examples * epochs))
