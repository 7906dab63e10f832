"""The tokenizer: exact round trips, stable ids, survives saving."""

import string
from itertools import islice
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from ensemble_core.nano.corpus import documents
from ensemble_core.nano.families import generate
from ensemble_core.nano.tokenizer import VOCABULARY, WORDS, build_tokenizer


def test_vocabulary_is_small_and_without_repeats() -> None:
    tokenizer = build_tokenizer()
    assert len(set(VOCABULARY)) == len(VOCABULARY) == len(tokenizer) < 200
    assert tokenizer.pad_token_id == 0
    assert tokenizer.eos_token_id == 1


@pytest.mark.parametrize(
    "text",
    ["", " ", "  two  spaces ", string.printable[:95], "a\nb", "sort sorted resort {x}'s n't ."],
)
def test_ascii_round_trip(text: str) -> None:
    tokenizer = build_tokenizer()
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_worlds_text_round_trips_and_is_short() -> None:
    tokenizer = build_tokenizer()
    texts = [question.prompt + question.answer for question in generate("mixed", 300, seed=0)]
    texts += [document.prefix + document.completion for document in islice(documents(0), 300)]
    for text in texts:
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert tokenizer.unk_token_id not in ids
        assert len(ids) <= 32


def test_prompt_and_answer_are_encoded_alike_apart_and_together() -> None:
    tokenizer = build_tokenizer()
    for question in generate("mixed", 200, seed=1):
        apart = tokenizer.encode(question.prompt) + tokenizer.encode(question.answer)
        assert tokenizer.encode(question.prompt + question.answer) == apart


def test_no_payload_is_mistaken_for_a_word() -> None:
    assert all(set(word) - set("abcdefghij0123456789") for word in WORDS)


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    text = "Q:sort dbca A:abcd"
    assert loaded.encode(text) == tokenizer.encode(text)
    assert loaded.decode(loaded.encode(text)) == text
    assert loaded.eos_token_id == tokenizer.eos_token_id


def test_special_tokens_are_left_out_of_decoded_answers() -> None:
    tokenizer = build_tokenizer()
    ids = [tokenizer.pad_token_id, *tokenizer.encode("abcd"), tokenizer.eos_token_id]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "abcd"
