"""What a worker's process does around a stage."""

import pytest
import torch

from w2s_platform.running import tasks


def test_a_gpu_that_is_gone_does_not_hide_how_a_stage_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a fault every CUDA call fails, the one that gives memory back too."""
    asked: list[str] = []

    def empty_cache() -> None:
        asked.append("empty_cache")
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", empty_cache)
    tasks._free_device_memory()
    assert asked == ["empty_cache"]
