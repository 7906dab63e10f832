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

    def __post_init__(self) -> None:
        if self.indices.shape != self.log_probs.shape or self.indices.ndim != 2:
            raise ValueError(f"shapes differ: {self.indices.shape}, {self.log_probs.shape}")

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        from safetensors.numpy import save_file

        save_file({"indices": self.indices.astype(np.int32), "log_probs": self.log_probs}, path)

    @classmethod
    def load(cls, path: Path) -> "SoftTargets":
        """Read what `save` wrote."""
        from safetensors.numpy import load_file

        arrays = load_file(path)
        return cls(arrays["indices"].astype(np.int64), arrays["log_probs"])
