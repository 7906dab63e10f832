"""Which models may stand in one ensemble."""

import json
from pathlib import Path

from tiny_models import make_model, make_tokenizer

from ensemble_core.models.vocabulary import token_mismatch
from ensemble_core.settings import ModelRef


def saved(folder: Path, *, hidden: int = 32, vocab: int = 98) -> ModelRef:
    make_model(hidden=hidden, vocab=vocab).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return ModelRef(path=str(folder))


def test_sizes_of_one_family_go_together(tmp_path: Path) -> None:
    small, wide = saved(tmp_path / "small"), saved(tmp_path / "wide", hidden=48)
    assert token_mismatch(small, wide) is None


def test_another_order_of_tokens_is_another_tokenizer(tmp_path: Path) -> None:
    first, second = saved(tmp_path / "first"), saved(tmp_path / "second")
    file = tmp_path / "second" / "tokenizer.json"
    written = json.loads(file.read_text())
    ids = written["model"]["vocab"]
    ids["a"], ids["b"] = ids["b"], ids["a"]
    file.write_text(json.dumps(written))
    assert token_mismatch(first, second) == "its tokenizer is another"


def test_the_same_tokens_may_be_padded_to_another_number(tmp_path: Path) -> None:
    """Pythia's larger sizes have more places than the smaller ones, for the same tokens."""
    first, padded = saved(tmp_path / "first"), saved(tmp_path / "padded", vocab=128)
    assert token_mismatch(first, padded) == "its vocabulary is padded to 128 tokens, not to 98"
