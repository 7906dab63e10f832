"""The ensemble as a Hugging Face causal language model.

At each step all experts read the same prefix, a combiner turns their next-token distributions into
one, and one token is picked for all. Decoding costs T cached decodes of a single model.

Shape suffixes: T experts, B sequences, L positions, V vocabulary.
"""

import copy
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    Cache,
    GenerationConfig,
    GenerationMixin,
    PreTrainedModel,
)
from transformers.modeling_outputs import CausalLMOutputWithPast

from ensemble_core import ensemble_cache, ensemble_lora
from ensemble_core.batching import logits_at
from ensemble_core.combining import COMBINERS, combine, normalise_weights
from ensemble_core.ensemble_config import (
    MODEL_TYPE,
    TokenEnsembleConfig,
    describe_expert,
    shared_fields,
)
from ensemble_core.errors import InputError
from ensemble_core.gating import GATE, Gate
from ensemble_core.settings import CombinerName

__all__ = ["TokenEnsembleConfig", "TokenEnsembleForCausalLM"]


class TokenEnsembleForCausalLM(PreTrainedModel, GenerationMixin):
    """T causal language models that decode as one.

    Its logits are the combined log-probabilities in float32, whatever the experts' dtypes, so
    `softmax(logits)` is the combined distribution. Importing this module registers it with
    `AutoConfig` and `AutoModelForCausalLM`.
    """

    config_class = TokenEnsembleConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    # What an attention implementation can do is for each expert to say.
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(
        self,
        config: TokenEnsembleConfig,
        experts: Sequence[PreTrainedModel] | None = None,
        gate: Gate | None = None,
    ) -> None:
        """Build from a configuration, or around experts that exist; see `from_experts`."""
        attention = getattr(config, "_attn_implementation", None)  # read before it gets a default
        super().__init__(config)
        if experts is None:
            members = _build_members(config, attention)
        else:
            members = list(experts)
            _mark_initialised(members if gate is None else [*members, gate])
        self._names = _member_names(config)
        for name, member in zip(self._names, members, strict=True):
            self.add_module(name, member)
        self.gate = (gate or Gate()) if config.combiner == GATE else None
        self._tuner_layers = ensemble_lora.tuner_layers(self) if config.adapter_configs else []
        self._layer_counts = ensemble_cache.layer_counts(self._configs())
        self.post_init()

    @classmethod
    def from_experts(
        cls,
        experts: Sequence[PreTrainedModel],
        alphas: Sequence[float],
        combiner: CombinerName = "mean",
        gate: Gate | None = None,
    ) -> "TokenEnsembleForCausalLM":
        """Combine models that share a vocabulary; sizes, architectures and dtypes may differ.

        The experts are used as they are, not copied. Special tokens and the generation
        configuration come from the first.

        Args:
            experts: T causal language models.
            alphas: The weight of each, shape [T], not negative.
            combiner: The rule, see `combining`; `gate` needs a trained one.
            gate: See `gating`; with the combiner `gate` only.

        Raises:
            InputError: There is no expert, one carries adapters, the vocabularies differ in
                size, the weights do not fit, or the combiner is unknown.
        """
        _check_whole(experts)
        described = [describe_expert(expert.config, expert.dtype) for expert in experts]
        config = _make_config(experts, alphas, combiner, gate, expert_configs=described)
        return cls._around(config, experts, gate)

    @classmethod
    def from_adapters(
        cls,
        base: PreTrainedModel,
        adapter_dirs: Sequence[str | Path],
        alphas: Sequence[float],
        combiner: CombinerName = "mean",
        gate: Gate | None = None,
    ) -> "TokenEnsembleForCausalLM":
        """Combine adapters over one base, which is held (and saved) once.

        Args:
            base: The causal language model that the adapters were trained on; it gets them, in
                place.
            adapter_dirs: T folders that PEFT's `save_pretrained` wrote.
            alphas: The weight of each, shape [T], not negative.
            combiner: The rule, see `combining`; `gate` needs a trained one.
            gate: See `gating`; with the combiner `gate` only.

        Raises:
            InputError: As `from_experts`, or a folder is no adapter, or the base has some already.
        """
        folders = [Path(folder) for folder in adapter_dirs]
        adapters = ensemble_lora.read_configs(folders)
        described = [describe_expert(base.config, base.dtype)]
        config = _make_config(
            [base] * len(folders),
            alphas,
            combiner,
            gate,
            expert_configs=described,
            adapter_configs=adapters,
        )
        ensemble_lora.load(base, folders)
        return cls._around(config, [base], gate)

    @classmethod
    def _around(
        cls, config: TokenEnsembleConfig, members: Sequence[PreTrainedModel], gate: Gate | None
    ) -> "TokenEnsembleForCausalLM":
        model = cls(config, members, gate)
        model.generation_config = _generation_config(members[0])
        return model.eval()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast | tuple[Any, ...]:
        """Read a batch with every expert and combine what they expect next.

        Args:
            input_ids: Tokens, shape [B, L]; with a cache, those that follow it.
            attention_mask: 1 on real tokens, 0 on padding of either side, shape [B, past + L].
            position_ids: Positions, shape [B, L]; `generate` derives them from the mask. As with
                single models, they are needed to pad an absolute-position model on the left.
            past_key_values: The cache that an earlier call returned, or an empty `DynamicCache`.
            labels: Tokens to score, shape [B, L], -100 where none; shifted here.
            use_cache: Whether to return a cache; the default is yes.
            logits_to_keep: The last n positions only, or the positions to keep; 0 is all.
            return_dict: False for a plain tuple.
            kwargs: Passed on to the experts that know them.

        Returns:
            `logits` [B, L, V], log-probabilities in float32; `loss`, the mean nll per label in
            nats; `past_key_values`.

        Raises:
            InputError: The cache belongs to another model.
        """
        if use_cache is not False and past_key_values is None:
            past_key_values = ensemble_cache.new_cache(self._configs())
        log_probs = self.expert_log_probs(
            input_ids,
            past_key_values,
            attention_mask=attention_mask,
            position_ids=position_ids,
            logits_to_keep=logits_to_keep,
            **kwargs,
        )
        logits = self.combine(log_probs)
        loss = None if labels is None else _label_loss(logits, labels)
        output = CausalLMOutputWithPast(
            loss=loss, logits=cast(Any, logits), past_key_values=past_key_values
        )
        wants_dict = self.config.return_dict if return_dict is None else return_dict
        return output if wants_dict else output.to_tuple()

    def logits_at(
        self,
        places: Tensor,
        *,
        use_cache: bool = True,
        past_key_values: Cache | None = None,
        **inputs: Any,
    ) -> tuple[Tensor, Cache | None]:
        """`forward` at some positions: combined log-probabilities [n, V], and the cache.

        Args:
            places: Indices into the flattened positions [B · L], shape [n].
            use_cache: Whether to return a cache.
            past_key_values: As in `forward`.
            inputs: What else `forward` takes.
        """
        if use_cache and past_key_values is None:
            past_key_values = ensemble_cache.new_cache(self._configs())
        log_probs = self.expert_log_probs(past_key_values=past_key_values, places=places, **inputs)
        return self.combine(log_probs), past_key_values

    def expert_log_probs(
        self,
        input_ids: Tensor,
        past_key_values: Cache | None = None,
        places: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Each expert's own next-token log-probabilities, in float32, shape [T, B, L, V].

        Takes what `forward` takes. A cache that is given is filled; without one, none is kept.
        With `places`, indices into the flattened positions [B · L], the shape is [T, n, V].
        """
        caches: Sequence[Cache | None] = [None] * self.config.n_experts
        if past_key_values is not None:
            configs = self._configs()
            ensemble_cache.fill(past_key_values, configs)
            caches = ensemble_cache.views(past_key_values, self._layer_counts)
        rows: list[Tensor] = []
        for index, cache in enumerate(caches):
            expert = self.as_expert(index)
            passed = _known_to(expert, {**kwargs, "use_cache": cache is not None})
            passed |= {"input_ids": input_ids, "past_key_values": cache}
            if places is None:
                logits = expert(**passed).logits.float()
            else:
                logits, _ = logits_at(expert, places, **passed)
            rows.append(logits.log_softmax(dim=-1).to(input_ids.device))
        return torch.stack(rows)

    def combine(self, log_probs: Tensor) -> Tensor:
        """Combine [T, ..., V] log-probabilities of the experts into [..., V]."""
        if self.gate is not None:
            weights = normalise_weights(self.config.alphas, self.config.n_experts)
            return self.gate(log_probs, weights.to(log_probs))
        return combine(log_probs, self.config.alphas, self.config.combiner)

    @property
    def members(self) -> list[PreTrainedModel]:
        """The models in memory: the T experts, or the one base that carries T adapters."""
        return [cast(PreTrainedModel, self.get_submodule(name)) for name in self._names]

    def get_input_embeddings(self) -> nn.Module:
        """The first expert's input embeddings; each expert has its own."""
        return self.members[0].get_input_embeddings()

    def as_expert(self, index: int) -> PreTrainedModel:
        """The model that answers as this expert; over one base, its adapter is switched on."""
        if not self.config.adapter_configs:
            return self.members[index]
        ensemble_lora.activate(self._tuner_layers, index)
        return self.members[0]

    def _configs(self) -> list[Any]:
        """Each expert's configuration; the base's, T times, where the experts are adapters."""
        configs = [member.config for member in self.members]
        return configs * self.config.n_experts if self.config.adapter_configs else configs

    def _prepare_cache_for_generation(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, generation_config: GenerationConfig, model_kwargs: dict[str, Any], *args: Any
    ) -> None:
        """Give `generate` a cache with the experts' own layers (sliding windows differ)."""
        ours = generation_config.cache_implementation in (None, "dynamic")
        given = model_kwargs.get("past_key_values") is not None
        if given or not ours or generation_config.use_cache is False:
            cast(Any, super())._prepare_cache_for_generation(generation_config, model_kwargs, *args)
            return
        cache = ensemble_cache.new_cache(self._configs())
        if generation_config.is_assistant:
            cache.activate_past_recording()
        model_kwargs["past_key_values"] = cache


def _check_whole(experts: Sequence[PreTrainedModel]) -> None:
    """Refuse experts whose configuration does not describe all that they are."""
    for index, expert in enumerate(experts):
        # PEFT leaves `peft_config` behind when it merges, so ask for its layers too.
        if hasattr(expert, "peft_config") and ensemble_lora.tuner_layers(expert):
            raise InputError(
                "the expert carries adapters, which its configuration does not tell of",
                where=f"expert {index + 1}",
                hint="use from_adapters, or merge the adapter into the model",
            )


def _make_config(
    experts: Sequence[PreTrainedModel],
    alphas: Sequence[float],
    combiner: CombinerName,
    gate: Gate | None,
    **parts: list[dict[str, Any]],
) -> TokenEnsembleConfig:
    """Check what belongs together, then describe it."""
    if not experts:
        raise InputError("an ensemble needs at least one expert", where="ensemble")
    if combiner not in (*COMBINERS, GATE):
        raise InputError(
            f"no combiner is named {combiner!r}",
            where="ensemble",
            hint=f"take one of {', '.join([*COMBINERS, GATE])}",
        )
    if (combiner == GATE) != (gate is not None):
        raise InputError(
            "the combiner `gate` goes with a trained gate, and nothing else does",
            where="ensemble",
            hint="train one on validation data with gating.fit_gate",
        )
    try:
        normalise_weights(alphas, len(experts))
    except ValueError as error:
        raise InputError(str(error), where="ensemble") from error
    configs = [expert.config for expert in experts]
    return TokenEnsembleConfig(
        **parts,
        **shared_fields(configs),
        alphas=[float(alpha) for alpha in alphas],
        combiner=combiner,
        num_hidden_layers=sum(ensemble_cache.layer_counts(configs)),
        dtype=experts[0].dtype,
    )


def _member_names(config: TokenEnsembleConfig) -> list[str]:
    """Names of the direct children, from which transformers gathers tied weights and the like."""
    if config.adapter_configs:
        return ["base"]
    return [f"expert_{index}" for index in range(config.n_experts)]


def _build_members(config: TokenEnsembleConfig, attention: str | None) -> list[PreTrainedModel]:
    chosen = {} if attention is None else {"attn_implementation": attention}
    members = [
        cast(PreTrainedModel, AutoModelForCausalLM.from_config(member, **chosen))
        for member in config.build_expert_configs()
    ]
    if config.adapter_configs:
        ensemble_lora.inject(members[0], config.adapter_configs)
    return members


def _label_loss(log_probs: Tensor, labels: Tensor) -> Tensor:
    """Mean nll in nats of the labels [B, L], each under the distribution of the token before."""
    expected, given = log_probs[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
    return nn.functional.nll_loss(expected, given.to(expected.device), ignore_index=-100)


def _mark_initialised(members: Sequence[nn.Module]) -> None:
    """Keep `post_init` from drawing new weights for what is trained (PEFT's layers above all)."""
    for member in members:
        for module in member.modules():
            module._is_hf_initialized = True  # pyright: ignore


def _generation_config(expert: PreTrainedModel) -> GenerationConfig:
    """The expert's, with a pad token, which batches of unequal length need."""
    own = copy.deepcopy(expert.generation_config) or GenerationConfig()
    if own.pad_token_id is None and own.eos_token_id is not None:
        ends = own.eos_token_id
        own.pad_token_id = ends[0] if isinstance(ends, list) else ends
    return own


def _known_to(expert: PreTrainedModel, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Leave out what this architecture's forward does not take (Bloom takes no positions)."""
    parameters = inspect.signature(expert.forward).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return {k: v for k, v in kwargs.items() if takes_any or k in parameters}


AutoConfig.register(MODEL_TYPE, TokenEnsembleConfig, exist_ok=True)
AutoModelForCausalLM.register(TokenEnsembleConfig, TokenEnsembleForCausalLM, exist_ok=True)
