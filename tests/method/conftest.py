"""Experts and prompts that the tests of the method share."""

import pytest
import torch
from method_models import PAD, VOCABULARY, MakeExpert, make_tiny_expert
from transformers import PreTrainedModel


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Models this small are slower on more threads, above all beside other processes."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_expert() -> MakeExpert:
    return make_tiny_expert


@pytest.fixture(scope="session")
def experts() -> list[PreTrainedModel]:
    """Three experts; the second is deeper, the third wider and with a tied head."""
    return [
        make_tiny_expert(0),
        make_tiny_expert(1, num_hidden_layers=3),
        make_tiny_expert(2, hidden_size=48, tie_word_embeddings=True),
    ]


@pytest.fixture(scope="session")
def tokens() -> torch.Tensor:
    """Two rows of seven tokens."""
    return torch.randint(3, VOCABULARY, (2, 7), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="session")
def prompts() -> list[list[int]]:
    """Three prompts of unequal length, without special tokens."""
    generator = torch.Generator().manual_seed(3)
    return [
        torch.randint(3, VOCABULARY, (length,), generator=generator).tolist()
        for length in (3, 9, 6)
    ]


@pytest.fixture(scope="session")
def left_padded(prompts: list[list[int]]) -> dict[str, torch.Tensor]:
    """The prompts as one batch, padded on the left."""
    longest = max(map(len, prompts))
    ids = [[PAD] * (longest - len(p)) + p for p in prompts]
    mask = [[0] * (longest - len(p)) + [1] * len(p) for p in prompts]
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}
