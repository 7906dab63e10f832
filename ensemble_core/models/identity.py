"""What a model reference stands for, as content: for keys, which never hold paths."""

from pathlib import Path
from typing import Any

from ensemble_core.errors import InputError
from ensemble_core.models import gguf
from ensemble_core.settings import ModelRef

_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.py")


def model_identity(ref: ModelRef) -> dict[str, Any]:
    """JSON values that change when the model does.

    A file is named by its SHA-256, a hub model by repository and revision, a nano model by its
    size (whoever pretrains it adds how).

    Raises:
        InputError: A local file or folder is missing.
    """
    identity: dict[str, Any] = {"layers": ref.layers}
    if ref.gguf is not None:
        return identity | {"gguf": gguf.digest(gguf.locate(ref))}
    if ref.path is not None:
        return identity | {"files": _digests(Path(ref.path)), "remote_code": ref.trust_remote_code}
    if ref.hub is not None:
        code = {"remote_code": ref.trust_remote_code}
        return identity | {"hub": ref.hub, "revision": ref.revision} | code
    return identity | {"nano": ref.nano}


def absolute(ref: ModelRef) -> ModelRef:
    """The same model, named so that a process with another working directory finds it."""
    places = {} if ref.package else {"path": ref.path, "gguf": ref.gguf}
    given = {field: Path(place).expanduser() for field, place in places.items() if place}
    return ref.model_copy(update={field: str(place.absolute()) for field, place in given.items()})


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for pattern in _FILES for path in folder.glob(pattern))
    if not (folder / "config.json").is_file():
        raise InputError(
            "no such model",
            where=str(folder),
            hint="`path` names a folder that save_pretrained wrote",
        )
    return {path.name: gguf.digest(path) for path in files}
