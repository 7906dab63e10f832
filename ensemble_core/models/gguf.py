"""GGUF files: found beside an installed package or by path, read by transformers."""

import hashlib
import importlib.util
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ensemble_core.errors import InputError
from ensemble_core.settings import ModelRef


def locate(ref: ModelRef) -> Path:
    """The GGUF file of a reference; a package that carries it is looked up, never imported.

    Raises:
        InputError: The package is not installed, or there is no such file.
    """
    name = ref.gguf or ""
    if ref.package is None:
        path = Path(name)
        if not path.is_file():
            raise InputError("no such GGUF file", where=name)
        return path.resolve()
    folder = _package_folder(ref.package)
    path = folder / name
    if not path.is_file():
        carried = ", ".join(sorted(p.name for p in folder.glob("*.gguf"))) or "none"
        raise InputError(
            f"the package {ref.package} carries no file {name}",
            where="gguf",
            hint=f"its GGUF files: {carried}",
        )
    return path.resolve()


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise InputError(
            f"the package {package} is not installed",
            where="package",
            hint=f"pip install --no-deps {package.replace('_', '-')}",
        )
    return Path(folders[0])


def digest(path: Path) -> str:
    """SHA-256 of the file, 64 hex digits."""
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, modified: int) -> str:
    del size, modified  # part of the cache's key: a changed file is read again
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def no_bar() -> Generator[None]:
    """Keep transformers from drawing a bar while it converts; it has no setting for this one."""
    from transformers import modeling_gguf_pytorch_utils as module

    drawn = module.tqdm
    module.tqdm = partial(drawn, disable=True)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        module.tqdm = drawn


def without_quantisation(model: Any) -> Any:
    """The same model, taken for what it is after loading: plain float weights.

    transformers dequantises the file's tensors but goes on calling the model quantised, and then
    refuses to train or save it.
    """
    for name in ("hf_quantizer", "quantization_method"):
        model.__dict__.pop(name, None)
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    return model
