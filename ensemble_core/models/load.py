"""Load a causal LM and its tokenizer from any of the sources that a reference can name."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ensemble_core.encoding import end_of_sequence
from ensemble_core.errors import InputError
from ensemble_core.models import gguf
from ensemble_core.models.hub import hub_answers
from ensemble_core.models.truncate import keep_first_blocks
from ensemble_core.settings import ModelRef


def load_model(
    ref: ModelRef,
    *,
    nano_dir: Path | None = None,
    cache_dir: Path | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> tuple[Any, Any]:
    """The model, cut to its first blocks where the reference says so, and its tokenizer.

    Args:
        ref: What to load.
        nano_dir: For a nano model, the folder of its pretrained weights and tokenizer.
        cache_dir: For a GGUF file, where its converted form is kept; None converts each time.
        device: Where the model goes.
        dtype: The parameters' type; training needs float32.

    Returns:
        A model in evaluation mode, and a tokenizer with end-of-sequence and padding tokens.

    Raises:
        InputError: There is no such model here or on the hub, the hub can't be reached, its files
            can't be read, or the tokenizer does not fit or has no end of sequence.
    """
    with _quiet():
        try:
            model, tokenizer = _read(ref, nano_dir, cache_dir, dtype)
        except InputError:
            raise
        except Exception as error:  # the loaders of each format and the hub raise their own kinds
            raise _unreadable(ref, error) from error
    _check_tokenizer(ref, model, tokenizer)
    if ref.layers is not None:
        keep_first_blocks(model, ref.layers)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to(device).eval(), tokenizer


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights (safetensors), configuration and tokenizer, for `load_model` or anyone."""
    with _quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _read(
    ref: ModelRef, nano_dir: Path | None, cache_dir: Path | None, dtype: str
) -> tuple[Any, Any]:
    if ref.gguf is not None and cache_dir is None:
        import torch

        model, tokenizer = gguf.read(gguf.locate(ref))
        return model.to(getattr(torch, dtype)), tokenizer
    if ref.hub is not None:
        options = {"revision": ref.revision, "local_files_only": not hub_answers()}
        return _from_pretrained(ref.hub, ref.trust_remote_code, dtype, **options)
    return _from_pretrained(str(_folder(ref, nano_dir, cache_dir)), ref.trust_remote_code, dtype)


def _folder(ref: ModelRef, nano_dir: Path | None, cache_dir: Path | None) -> Path:
    if ref.gguf is not None and cache_dir is not None:
        return gguf.converted(gguf.locate(ref), cache_dir)
    folder = nano_dir if ref.nano is not None else Path(ref.path or "")
    if folder is None or not (folder / "config.json").is_file():
        raise InputError(
            "no such model" if ref.path else "this nano model is not pretrained yet",
            where=ref.label,
            hint="`path` names a folder that save_pretrained wrote" if ref.path else None,
        )
    return folder


def _from_pretrained(source: str, trusted: bool, dtype: str, **options: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    shared: dict[str, Any] = {"trust_remote_code": trusted, **options}
    tokenizer = AutoTokenizer.from_pretrained(source, **shared)
    model, info = AutoModelForCausalLM.from_pretrained(
        source, dtype=dtype, use_safetensors=True, output_loading_info=True, **shared
    )
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])
        raise InputError(
            f"the checkpoint lacks {len(missing)} weights, such as {missing[0]}", where=source
        )
    return model, tokenizer


def _unreadable(ref: ModelRef, error: Exception) -> InputError:
    if ref.hub and not hub_answers():
        return InputError(
            "the hub can't be reached, and this model is not in its local cache",
            where=ref.label,
            hint="check the connection, or name a local model by `path`",
        )
    lines = str(error).strip().splitlines() or [type(error).__name__]
    hint = "check the name and the revision" if ref.hub else "check the model's files"
    return InputError(f"the model can't be loaded: {lines[0]}", where=ref.label, hint=hint)


def _check_tokenizer(ref: ModelRef, model: Any, tokenizer: Any) -> None:
    try:
        end_of_sequence(tokenizer)
    except InputError as error:
        raise InputError(error.what, where=ref.label, hint=error.hint) from error
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise InputError(
            f"the tokenizer has {len(tokenizer)} tokens, the model {rows}",
            where=ref.label,
            hint="take the tokenizer that the model was trained with",
        )


@contextmanager
def _quiet() -> Generator[None]:
    """Keep loaders from drawing bars and logging what the caller can't act on."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
