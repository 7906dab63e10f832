"""A cell's model as a Hugging Face directory."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_core.errors import InputError

if TYPE_CHECKING:
    from w2s_platform.results.ledger import CellRecord
    from w2s_platform.store import Store

PROVENANCE = "w2s.json"


def export(store: "Store", cell: str, directory: Path, *, subject: str = "ensemble") -> None:
    """Write one subject of a cell, with its tokenizer, so that `from_pretrained` reads it.

    An adapter is merged into its base model. Where the model comes from is kept in `w2s.json`.

    Args:
        store: Where the cell ran.
        cell: The cell's id; the first few digits are enough.
        directory: A new or empty directory.
        subject: `ensemble`, `student`, `floor`, `bagging`, `single`, `ceiling`, `expert_1`, …, or
            `weak_base` and `strong_base`, cut to as many blocks as the cell uses of them.

    Raises:
        InputError: No such cell or subject, it has not run yet, or the directory is not empty.
    """
    from w2s_platform.results.ledger import find_cell
    from w2s_platform.store.local import let_read

    ledger, record = find_cell(store, cell)
    if subject not in record.models:
        hint = "it has: " + ", ".join(record.models)
        raise InputError(f"cell {record.id} has no `{subject}`", hint=hint)
    key = record.models[subject]
    artifact = store.find(key)
    if artifact is None:
        raise _not_run(record, subject)
    layers = _layers(store, record, subject) if artifact.kind == "pretrain" else None
    model, tokenizer = _load(store, key, layers)
    _check_empty(directory)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    origin = {"sweep": ledger.sweep, "cell": record.id, "subject": subject, "key": key}
    (directory / PROVENANCE).write_text(json.dumps(origin, indent=1) + "\n")
    for path in filter(Path.is_file, directory.rglob("*")):
        let_read(path)


def _not_run(record: "CellRecord", subject: str) -> InputError:
    what = f"`{subject}` of cell {record.id} has not run"
    return InputError(what, hint="`w2s run` the sweep first")


def _layers(store: "Store", record: "CellRecord", subject: str) -> int | None:
    """How many blocks of a pretrained model the cell uses (None: all), as its evaluations tell."""
    manifests = (store.manifest(m.key) for m in record.measures if m.subject == subject)
    evaluated = next((manifest for manifest in manifests if manifest), None)
    if evaluated is None:
        raise _not_run(record, subject)
    return evaluated.preimage["settings"].get("layers")


def _check_empty(directory: Path) -> None:
    if directory.is_file():
        raise InputError("this is a file", where=str(directory), hint="name a new directory")
    if directory.is_dir() and any(directory.iterdir()):
        raise InputError("the directory is not empty", where=str(directory))
    directory.mkdir(parents=True, exist_ok=True)


def _load(store: "Store", key: str, layers: int | None) -> tuple[Any, Any]:
    from ensemble_core.models.class_head import is_classifier
    from w2s_platform.stages.subjects import load_subject, merged

    model, tokenizer = load_subject(store, key, layers=layers)
    whole = merged(model)
    return (_standard(whole, key) if is_classifier(whole) else whole), tokenizer


def _standard(model: Any, key: str) -> Any:
    """A classifier as transformers knows it."""
    from ensemble_core.ensemble import TokenEnsembleForCausalLM
    from ensemble_core.models.class_head import to_sequence_classifier

    if isinstance(model, TokenEnsembleForCausalLM):
        raise InputError(
            "an ensemble of classifiers can't be written as one model",
            where=key[:12],
            hint="export its experts one by one (set evaluation.each_expert: true), or the student",
        )
    return to_sequence_classifier(model)
