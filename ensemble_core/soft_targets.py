"""Soft labels: a next-token distribution for each answer token."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SoftTargets:
    """A next-token distribution for each of N answer tokens, cut to its k likeliest entries.

    Raises:
        ValueError: The shapes differ.
    """

    indices: NDArray[np.int64]
    """Token ids, likeliest first, shape [N, k]."""
    log_probs: NDArray[np.float32]
    """Log-probabilities in nats, shape [N, k]; what was cut off is missing from their sum."""
    tokens: NDArray[np.int64]
    """The token that the teacher wrote there, shape [N]: whoever learns must read the same."""

    def __post_init__(self) -> None:
        shapes = self.indices.shape, self.log_probs.shape, self.tokens.shape
        if shapes[0] != shapes[1] or self.indices.ndim != 2 or shapes[2] != shapes[0][:1]:
            raise ValueError(f"shapes differ: {shapes}")

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        from safetensors.numpy import save_file

        ids = {"indices": self.indices.astype(np.int32), "tokens": self.tokens.astype(np.int32)}
        save_file({**ids, "log_probs": self.log_probs}, path)

    @classmethod
    def load(cls, path: Path) -> "SoftTargets":
        """Read what `save` wrote."""
        from safetensors.numpy import load_file

        arrays = load_file(path)
        indices, tokens = (arrays[name].astype(np.int64) for name in ("indices", "tokens"))
        return cls(indices, arrays["log_probs"], tokens)
