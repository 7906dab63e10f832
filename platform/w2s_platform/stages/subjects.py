"""From an artifact to a model that answers: pretrained, trained, or an ensemble of experts."""

from typing import TYPE_CHECKING, Any

from ensemble_core.errors import StageError
from ensemble_core.settings import ModelRef
from w2s_platform.stages.context import read_json
from w2s_platform.stages.training import ADAPTER, MODEL, TRAINED

if TYPE_CHECKING:
    from ensemble_core.gating import Gate
    from w2s_platform.store import Artifact, Store

SOURCE = "model.json"
ENSEMBLE = "ensemble.json"
GATE = "gate.safetensors"


def model_ref(artifact: "Artifact", layers: int | None = None) -> ModelRef:
    """Where a `pretrain` artifact's model is: in the artifact, or on the hub at a pinned commit."""
    source = ModelRef.model_validate(read_json(artifact, SOURCE))
    if source.hub is None:
        source = ModelRef(path=str(artifact.path(f"{MODEL}/config.json").parent))
    return source.model_copy(update={"layers": layers})


def load_pretrained(store: "Store", key: str, layers: int | None, device: str) -> tuple[Any, Any]:
    """The pretrained model, cut to its first `layers` blocks, and its tokenizer."""
    from ensemble_core.models.load import load_model

    return load_model(model_ref(store.require(key), layers), device=device)


def load_tokenizer(store: "Store", key: str) -> tuple[Any, int]:
    """The tokenizer of a `pretrain` artifact and the context length of its model, in tokens."""
    from ensemble_core.models import load

    ref = model_ref(store.require(key))
    return load.load_tokenizer(ref), load.load_context_length(ref)


def load_subject(
    store: "Store", key: str, device: str = "cpu", layers: int | None = None
) -> tuple[Any, Any]:
    """The model and tokenizer of any stage that makes a model.

    `layers` cuts a pretrained model; what was trained remembers its own.

    Raises:
        StageError: The stage makes no model, or boosting had ended before this round.
    """
    artifact = store.require(key)
    kind = artifact.manifest.kind
    if kind == "pretrain":
        return load_pretrained(store, key, layers, device)
    if kind == "ensemble":
        return _load_ensemble(store, artifact, device)
    if kind == "gate":
        return _load_gated(store, artifact, device)
    if kind in ("round", "bag", "long", "student", "ceiling"):
        return _load_trained(store, artifact, device)
    raise StageError(f"a `{kind}` stage makes no model", where=key[:12])


def has_model(artifact: "Artifact") -> bool:
    """Whether there is a model; a round after the end of boosting trained none."""
    return artifact.manifest.kind != "round" or TRAINED in artifact.manifest.files


def merged(model: Any) -> Any:
    """The plain model of PEFT's wrapper, the adapter added to its weights; others as they are."""
    from ensemble_core.models.adapters import merge_adapter

    return merge_adapter(model) if hasattr(model, "merge_and_unload") else model


def _load_trained(store: "Store", artifact: "Artifact", device: str) -> tuple[Any, Any]:
    """The weights of a training, with the tokenizer of its pretrained model."""
    from ensemble_core.models.adapters import load_adapter
    from ensemble_core.models.class_head import load_class_adapter, load_class_model
    from ensemble_core.models.load import load_model

    if not has_model(artifact):
        raise StageError("boosting had ended before this round", where=artifact.key[:12])
    trained, directory = read_json(artifact, TRAINED), artifact.path(TRAINED).parent
    classifies = trained.get("classes") is not None
    if trained["adapter"] is None:
        tokenizer, _ = load_tokenizer(store, trained["pretrained"])
        if classifies:
            return load_class_model(directory / MODEL, device=device), tokenizer
        return load_model(ModelRef(path=str(directory / MODEL)), tokenizer=tokenizer, device=device)
    base, tokenizer = load_pretrained(store, trained["pretrained"], trained["layers"], device)
    load = load_class_adapter if classifies else load_adapter
    return load(base, directory / ADAPTER), tokenizer


def _load_gated(store: "Store", artifact: "Artifact", device: str) -> tuple[Any, Any]:
    """The ensemble whose gate this artifact holds; one expert alone has none."""
    from safetensors.torch import load_file

    from ensemble_core.gating import Gate

    ensemble = store.require(artifact.manifest.preimage["inputs"]["ensemble"])
    if GATE not in artifact.manifest.files:
        return _load_ensemble(store, ensemble, device)
    gate = Gate()
    gate.load_state_dict(load_file(artifact.path(GATE)))
    return _load_ensemble(store, ensemble, device, gate.requires_grad_(False))


def _load_ensemble(
    store: "Store", artifact: "Artifact", device: str, gate: "Gate | None" = None
) -> tuple[Any, Any]:
    """One base with T adapters where the experts are adapters of one; T models otherwise.

    One expert alone is itself under every combiner. Classifiers have a head each, and mixed experts
    a base each, so that their adapters are merged into models of their own.
    """
    from ensemble_core.ensemble import TokenEnsembleForCausalLM

    described = read_json(artifact, ENSEMBLE)
    members = [store.require(member["key"]) for member in described["members"]]
    if len(members) == 1:
        return _load_trained(store, members[0], device)
    alphas = [float(member["weight"]) for member in described["members"]]
    how = (alphas, "gate" if gate else described["combine"], gate)
    trained = [read_json(member, TRAINED) for member in members]
    bases = {(one["pretrained"], one["layers"]) for one in trained}
    adapters_only = trained[0]["adapter"] is not None and trained[0].get("classes") is None
    if adapters_only and len(bases) == 1:
        base, tokenizer = load_pretrained(
            store, trained[0]["pretrained"], trained[0]["layers"], device
        )
        adapters = [member.path(TRAINED).parent / ADAPTER for member in members]
        model: Any = TokenEnsembleForCausalLM.from_adapters(base, adapters, *how)
        return model.to(device), tokenizer
    loaded = [_load_trained(store, member, device) for member in members]
    experts = [merged(model) for model, _ in loaded]
    ensemble: Any = TokenEnsembleForCausalLM.from_experts(experts, *how)
    return ensemble.to(device), loaded[0][1]
