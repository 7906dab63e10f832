"""The boosting rounds of a cell, as their artifacts tell of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ensemble_core.settings import BoostSettings
from w2s_platform.results.ledger import CellRecord
from w2s_platform.stages.boosting import ROUND, TOKENS, outcome_of
from w2s_platform.stages.context import read_json
from w2s_platform.stages.subjects import ENSEMBLE
from w2s_platform.store import Artifact, Store

if TYPE_CHECKING:
    import pandas as pd

    from ensemble_core.rounds import RoundOutcome


@dataclass(frozen=True)
class Boosted:
    """A finished round that trained an expert."""

    artifact: Artifact
    boost: BoostSettings | None
    """How the rounds are boosted; None while nothing that says so has finished."""
    used: bool | None
    """Whether the ensemble uses its expert; None while there is no ensemble."""

    @property
    def number(self) -> int:
        """The round, from 1."""
        return int(self.artifact.manifest.preimage["settings"]["round"])

    def outcome(self) -> "RoundOutcome | None":
        """Its expert's error and weight; None while `boost` is not known."""
        return outcome_of(self.artifact, self.boost) if self.boost else None

    def training(self) -> dict[str, Any]:
        """`steps`, and the `losses` of the training."""
        return read_json(self.artifact, ROUND)["training"]

    def tokens(self) -> "pd.DataFrame":
        """The answer tokens that it trained on: those of held-out questions only judge it.

        Returns:
            One row per token: `example` and `position` from 0, the `token`'s id, its `weight` in
            the round (of sum 1), and whether the expert gets it `wrong`.
        """
        import numpy as np
        import pandas as pd

        table = pd.read_parquet(self.artifact.path(TOKENS))
        if "heldout" in self.artifact.manifest.preimage["inputs"]:
            table = table[~table["judged"]]
        weights = np.exp(table["log_weight"] - table["log_weight"].max())
        names = ["example", "position", "token", "wrong"]
        return table[names].assign(weight=weights / weights.sum())


def boosted_rounds(store: Store, cell: CellRecord) -> list[Boosted]:
    """The cell's finished rounds in order; those after the end of boosting are left out."""
    ensemble = _ensemble(store, cell)
    if ensemble is not None and ensemble.kind == "ensemble":
        inputs = ensemble.manifest.preimage["inputs"]
        rounds = [store.find(key) for name, key in inputs.items() if name.startswith("round_")]
    elif ensemble is not None:
        rounds = [ensemble]
    else:
        rounds = _finished(store, cell)
    found = [artifact for artifact in rounds if artifact and TOKENS in artifact.manifest.files]
    boost, members = _boost(ensemble, found), _members(ensemble)
    made = [Boosted(a, boost, None if members is None else a.key in members) for a in found]
    return sorted(made, key=lambda each: each.number)


def _ensemble(store: Store, cell: CellRecord) -> Artifact | None:
    """The artifact that names the experts; the round itself where one round is the ensemble."""
    found = store.find(cell.models["ensemble"]) if "ensemble" in cell.models else None
    if found is not None and found.kind == "gate":
        return store.find(found.manifest.preimage["inputs"]["ensemble"])
    return found


def _finished(store: Store, cell: CellRecord) -> list[Artifact]:
    """The rounds of a cell whose ensemble is not made yet, one of each number."""
    manifests = [manifest for key in cell.stages if (manifest := store.manifest(key))]
    rounds: dict[int, str] = {}
    for manifest in manifests:
        if manifest.kind == "round":
            settings = manifest.preimage["settings"]
            # Out of bag the floor is a first round of its own, which does not say `error`.
            if "error" in settings or settings["round"] not in rounds:
                rounds[settings["round"]] = manifest.key
    return [artifact for key in rounds.values() if (artifact := store.find(key))]


def _boost(ensemble: Artifact | None, rounds: Sequence[Artifact]) -> BoostSettings | None:
    for artifact in (*([ensemble] if ensemble else []), *rounds):
        boost = artifact.manifest.preimage["settings"].get("boost")
        if boost is not None:
            return BoostSettings.model_validate(boost)
    return None


def _members(ensemble: Artifact | None) -> set[str] | None:
    if ensemble is None:
        return None
    if ensemble.kind != "ensemble":
        return {ensemble.key}
    return {member["key"] for member in read_json(ensemble, ENSEMBLE)["members"]}
