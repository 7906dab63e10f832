"""The configuration of an ensemble: its experts' own configurations, their weights, the rule."""

from typing import Any

import torch
from transformers import AutoConfig, PreTrainedConfig

from ensemble_core.errors import InputError

MODEL_TYPE = "token_ensemble"


class TokenEnsembleConfig(PreTrainedConfig):
    """What `config.json` of a saved ensemble holds.

    T experts are either T entries of `expert_configs`, or (LoRA) one entry, the base, with T
    entries of `adapter_configs`.
    """

    model_type = MODEL_TYPE

    expert_configs: list[dict[str, Any]] | None = None
    """Each expert's transformers configuration, `model_type` included."""
    adapter_configs: list[dict[str, Any]] | None = None
    """Each expert's PEFT configuration where the experts are adapters over one base."""
    alphas: list[float] | None = None
    """Each expert's weight, not negative; combiners scale them to sum 1."""
    combiner: str = "mean"
    """A name in `combining.COMBINERS`, or `gate`, see `gating`."""
    vocab_size: int | None = None
    """Tokens of the shared vocabulary."""
    num_hidden_layers: int | None = None
    """Layers of all experts together; what the cache holds."""
    max_position_embeddings: int | None = None
    """The shortest context among the experts, in tokens."""
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    pad_token_id: int | None = None
    tie_word_embeddings: bool = False
    """Of the ensemble as a whole; each expert ties its own as its configuration says."""

    @property
    def n_experts(self) -> int:
        """T."""
        return len(self.adapter_configs or self.expert_configs or [])

    def build_expert_configs(self) -> list[PreTrainedConfig]:
        """The experts' (or the base's) configurations as objects, in their own dtypes.

        The dtype that stands in this configuration is the first expert's. Where it was changed,
        as by `from_pretrained(..., dtype=...)`, the change is meant for all of them.
        """
        configs = [_build(config) for config in self.expert_configs or []]
        if (
            configs
            and self.dtype is not None
            and as_dtype(self.dtype) != as_dtype(configs[0].dtype)
        ):
            for config in configs:
                config.dtype = self.dtype
        return configs


def describe_expert(config: PreTrainedConfig, dtype: torch.dtype) -> dict[str, Any]:
    """An expert's configuration as JSON values, without the place that it was loaded from."""
    described = config.to_dict()
    described.pop("_name_or_path", None)
    described["dtype"] = str(dtype).removeprefix("torch.")
    return described


def shared_fields(configs: list[PreTrainedConfig]) -> dict[str, Any]:
    """What the ensemble's configuration takes over from its experts'.

    Raises:
        InputError: The experts' vocabularies differ in size.
    """
    texts = [config.get_text_config(decoder=True) for config in configs]
    sizes = [getattr(text, "vocab_size", None) for text in texts]
    if len(set(sizes)) > 1:
        raise InputError(
            f"the experts' vocabularies differ in size: {', '.join(map(str, sizes))} tokens",
            where="ensemble",
            hint="combine experts that share one tokenizer",
        )
    contexts = [getattr(text, "max_position_embeddings", None) for text in texts]
    shared = {name: getattr(texts[0], name, None) for name in _TOKEN_IDS}
    return {
        **shared,
        "vocab_size": sizes[0],
        "max_position_embeddings": min((c for c in contexts if c is not None), default=None),
    }


def as_dtype(dtype: str | torch.dtype | None) -> torch.dtype:
    """A dtype by its name; none given is torch's default."""
    if dtype is None:
        return torch.get_default_dtype()
    return getattr(torch, dtype) if isinstance(dtype, str) else dtype


def _build(described: dict[str, Any]) -> PreTrainedConfig:
    fields = {name: value for name, value in described.items() if name != "model_type"}
    return AutoConfig.for_model(described["model_type"], **fields)


_TOKEN_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")
