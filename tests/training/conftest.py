"""Fixtures of the training tests."""

import pytest
import torch
from tiny_models import CONTEXT, make_model, make_questions, make_tokenizer
from transformers import PreTrainedTokenizerFast

from ensemble_core.encoding import TokenDataset, encode_all
from ensemble_core.tasks.question import Question


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


@pytest.fixture
def model():
    return make_model()


@pytest.fixture(scope="session")
def questions() -> list[Question]:
    return make_questions(40)


@pytest.fixture(scope="session")
def data(tokenizer, questions) -> TokenDataset:
    return TokenDataset(encode_all(tokenizer, questions, max_length=CONTEXT))
