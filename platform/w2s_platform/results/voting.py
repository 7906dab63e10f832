"""Who said what, token by token: the experts of a cell on one question, asked anew on the CPU."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from ensemble_core.errors import InputError
from ensemble_core.settings import ModelRef
from w2s_platform.results.ledger import CellRecord, find_cell
from w2s_platform.results.outcomes import find_question
from w2s_platform.results.reading import StoreLike, opened
from w2s_platform.stages.context import read_json
from w2s_platform.stages.subjects import ENSEMBLE, load_subject, model_ref
from w2s_platform.stages.training import MODEL, TRAINED
from w2s_platform.store import Artifact, Store

if TYPE_CHECKING:
    import pandas as pd

MOST_PARAMETERS = 1_000_000_000
"""Of all experts together, each counted whole: up to 4 GB, and some seconds for a question."""

COLUMNS = ("position", "truth", "voter", "token", "probability", "truth_probability", "right")


def votes(
    store: StoreLike,
    cell: str | CellRecord,
    question: str,
    subject: str = "ensemble",
    most_parameters: int = MOST_PARAMETERS,
) -> "pd.DataFrame":
    """What each expert would write at every place of the true answer, and all of them together.

    The experts are loaded and read the question with its true answer (teacher forcing); nothing of
    it is kept in the store.

    Args:
        store: A store or its URL.
        cell: A cell's id, or how it begins; or the cell as its ledger has it.
        question: The question's id, see `results.questions`.
        subject: `ensemble`, `bagging`, or any other subject of the cell, which then votes alone.
        most_parameters: How many the experts may have together.

    Returns:
        One row per place and voter: `position`, the true token's text (`truth`), the `voter`
        (`expert_1` … by round, `bag_1` …, and last the subject), its likeliest `token` with its
        `probability`, the `truth_probability`, and whether it is `right`.

    Raises:
        InputError: There is no such cell, the subject was not asked this question (yet), or its
            experts are larger than `most_parameters`.
        HubError: The experts need a hub model, and neither the hub nor a copy of it is here.
    """
    import pandas as pd

    from ensemble_core.votes import question_votes

    found = opened(store)
    record = cell if isinstance(cell, CellRecord) else find_cell(found, cell)[1]
    text, evaluation = find_question(found, record, subject, question)
    artifact = found.require(evaluation.manifest.preimage["inputs"]["model"])
    layers = evaluation.manifest.preimage["settings"].get("layers")
    members = _members(found, artifact)
    _check_size(found, members.values(), most_parameters, f"`{subject}` of cell {record.id}")
    model, tokenizer = load_subject(found, artifact.key, layers=layers)
    names: dict[int | None, str] = {None: subject, **dict(enumerate(members, 1))}
    cast = question_votes(model, tokenizer, text)
    rows = [asdict(vote) for vote in cast if len(members) > 1 or vote.expert is None]
    told = [{**row, "voter": names[row["expert"]]} for row in rows]
    return pd.DataFrame(told, columns=list(COLUMNS))


def _members(store: Store, artifact: Artifact) -> dict[str, Artifact]:
    """The experts by name, in the order in which they are loaded; a single model is its own."""
    if artifact.kind == "gate":
        return _members(store, store.require(artifact.manifest.preimage["inputs"]["ensemble"]))
    if artifact.kind != "ensemble":
        return {artifact.kind: artifact}
    described = read_json(artifact, ENSEMBLE)["members"]
    names = (
        f"expert_{member['round']}" if "round" in member else f"bag_{number}"
        for number, member in enumerate(described, 1)
    )
    keys = [member["key"] for member in described]
    return {name: store.require(key) for name, key in zip(names, keys, strict=True)}


def _check_size(
    store: Store, members: Iterable[Artifact], most_parameters: int, where: str
) -> None:
    """Refuse what would fill this machine's memory, before any weight is read."""
    from ensemble_core.models.load import load_size

    parameters = sum(load_size(_weights(store, member)) for member in members)
    if parameters > most_parameters:
        raise InputError(
            f"its experts have {parameters / 1e6:,.0f} million parameters together; on a CPU "
            f"{most_parameters / 1e6:,.0f} million may vote",
            where=where,
            hint="raise `most_parameters` where memory allows: four bytes each",
        )


def _weights(store: Store, member: Artifact) -> ModelRef:
    """Where the weights are: its own, or those of the model that its adapter belongs to."""
    if member.kind == "pretrain":
        return model_ref(member)
    if MODEL in {name.partition("/")[0] for name in member.manifest.files}:
        return ModelRef(path=str(member.path(MODEL)))
    return model_ref(store.require(read_json(member, TRAINED)["pretrained"]))
