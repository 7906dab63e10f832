"""Load a causal LM and its tokenizer from any of the sources that a reference can name."""

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble_core.encoding import end_of_sequence
from ensemble_core.errors import InputError, W2SError
from ensemble_core.models import gguf
from ensemble_core.models.context import context_length
from ensemble_core.models.hub import HubError, hub_answers, is_outage
from ensemble_core.models.truncate import keep_first_blocks
from ensemble_core.settings import ModelRef


def load_model(
    ref: ModelRef,
    *,
    nano_dir: Path | None = None,
    tokenizer: Any | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> tuple[Any, Any]:
    """The model, cut to its first blocks where the reference says so, and its tokenizer.

    Args:
        ref: What to load.
        nano_dir: For a nano model, the folder of its pretrained weights and tokenizer.
        tokenizer: Where the caller has it already; else it is loaded from where the model is.
        device: Where the model goes.
        dtype: The parameters' type; training needs float32.

    Returns:
        A model in evaluation mode, and a tokenizer with end-of-sequence and padding tokens.

    Raises:
        InputError: There is no such model here or on the hub, its files can't be read, or the
            tokenizer does not fit or has no end of sequence.
        HubError: The hub does not answer, and the model is not in its local cache.
    """
    with _reading(ref):
        source = _source(ref, nano_dir)
        found = tokenizer or source.tokenizer()
        model = source.model(dtype)
    _check_vocabulary(ref, model, found)
    if ref.layers is not None:
        keep_first_blocks(model, ref.layers)
    return model.to(device).eval(), _complete(ref, found)


def load_tokenizer(ref: ModelRef, *, nano_dir: Path | None = None) -> Any:
    """The tokenizer alone; raises as `load_model`."""
    with _reading(ref):
        found = _source(ref, nano_dir).tokenizer()
    return _complete(ref, found)


def load_context_length(ref: ModelRef, *, nano_dir: Path | None = None) -> int:
    """How many tokens the model can read, without loading its weights; raises as `load_model`."""
    with _reading(ref):
        config = _source(ref, nano_dir).config()
    return context_length(config)


def load_size(ref: ModelRef, *, nano_dir: Path | None = None) -> int:
    """How many parameters the model has, without loading its weights; raises as `load_model`.

    All blocks count: a model that is cut is loaded whole first.
    """
    import torch
    from transformers import AutoModelForCausalLM

    with _reading(ref), torch.device("meta"):
        config = _source(ref, nano_dir).config()
        model: Any = AutoModelForCausalLM.from_config(
            config, trust_remote_code=ref.trust_remote_code
        )
        return sum(parameter.numel() for parameter in model.parameters())


def load_output_width(ref: ModelRef, *, nano_dir: Path | None = None) -> int:
    """How many tokens the model's output has places for; raises as `load_model`."""
    with _reading(ref):
        return int(_source(ref, nano_dir).config().get_text_config().vocab_size)


@dataclass(frozen=True)
class _Source:
    """A name that transformers' `from_pretrained` takes, and the options that go with it."""

    name: str
    options: dict[str, Any]

    def tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.name, **self.options)

    def config(self) -> Any:
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(self.name, **self.options)

    def model(self, dtype: str) -> Any:
        from transformers import AutoModelForCausalLM

        options = {"use_safetensors": True, "output_loading_info": True, **self.options}
        with gguf.no_bar() if "gguf_file" in options else nullcontext():
            loaded: Any = AutoModelForCausalLM.from_pretrained(self.name, dtype=dtype, **options)
        model, info = loaded
        missing = sorted(info["missing_keys"])
        if missing:
            raise InputError(
                f"the checkpoint lacks {len(missing)} weights, such as {missing[0]}",
                where=self.name,
            )
        return gguf.without_quantisation(model) if "gguf_file" in self.options else model


def _source(ref: ModelRef, nano_dir: Path | None) -> _Source:
    if ref.gguf is not None:
        path = gguf.locate(ref)
        return _Source(str(path.parent), {"gguf_file": path.name})
    options: dict[str, Any] = {"trust_remote_code": ref.trust_remote_code}
    if ref.hub is not None:
        options |= {"revision": ref.revision, "local_files_only": not hub_answers()}
        return _Source(ref.hub, options)
    folder = nano_dir if ref.nano is not None else Path(ref.path or "")
    if folder is None or not (folder / "config.json").is_file():
        raise InputError(
            "no such model" if ref.path else "this nano model is not pretrained yet",
            where=ref.label,
            hint="`path` names a folder that save_pretrained wrote" if ref.path else None,
        )
    return _Source(str(folder), options)


@contextmanager
def _reading(ref: ModelRef) -> Generator[None]:
    """Keep loaders from logging what the caller can't act on, and turn errors into one message."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except W2SError:
        raise
    except Exception as error:  # the loaders of each format and the hub raise their own kinds
        raise _unreadable(ref, error) from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _unreadable(ref: ModelRef, error: Exception) -> W2SError:
    if ref.hub and (is_outage(error) or not hub_answers()):
        return HubError(
            "the hub can't be reached, and this model is not in its local cache",
            where=ref.label,
            hint="check the connection, or name a local model by `path`",
        )
    lines = str(error).strip().splitlines() or [type(error).__name__]
    hint = "check the name and the revision" if ref.hub else "check the model's files"
    if isinstance(error, ImportError) and ref.gguf:
        hint = "pip install 'w2s-platform[gguf]'"
    return InputError(f"the model can't be loaded: {lines[0]}", where=ref.label, hint=hint)


def _complete(ref: ModelRef, tokenizer: Any) -> Any:
    """The tokenizer with a padding token; one without end of sequence is refused."""
    try:
        end_of_sequence(tokenizer)
    except InputError as error:
        raise InputError(error.what, where=ref.label, hint=error.hint) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _check_vocabulary(ref: ModelRef, model: Any, tokenizer: Any) -> None:
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise InputError(
            f"the tokenizer has {len(tokenizer)} tokens, the model {rows}",
            where=ref.label,
            hint="take the tokenizer that the model was trained with",
        )
