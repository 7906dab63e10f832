"""A classifier: a pretrained causal LM whose output embeddings are a head of K rows.

The class is then one answer token, whose id is the class's index, after the prompt. Training,
scoring, boosting and combining are those of any other token; nothing reads the class as input.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import Tensor, nn

from ensemble_core.batching import unwrapped
from ensemble_core.errors import InputError
from ensemble_core.models.adapters import add_lora, load_adapter, save_adapter
from ensemble_core.settings import LoraSettings

WEIGHTS_FILE, HEAD_FILE = "model.safetensors", "class_head.safetensors"


def add_class_head(model: Any, n_classes: int, seed: int) -> Any:
    """Replace the output embeddings, in place, by a new linear head without bias.

    Input embeddings that were tied to the old ones stay as they are, and are free of the new ones.

    Args:
        model: A pretrained causal LM, without adapters.
        n_classes: K, at least 2.
        seed: Decides the head's first weights, normal with the model's own `initializer_range`.

    Returns:
        The same model.

    Raises:
        InputError: The model has no output embeddings.
        ValueError: Fewer than two classes.
    """
    if n_classes < 2:
        raise ValueError(f"classification needs at least two classes, not {n_classes}")
    spread = float(getattr(model.config.get_text_config(), "initializer_range", 0.02))
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(n_classes, _head(model).in_features, generator=generator) * spread
    return _put_head(model, weight)


def count_classes(model: Any) -> int:
    """K of a classifier: a single one, one with adapters, or an ensemble of them.

    Raises:
        InputError: The ensemble's experts differ in it.
    """
    causal = unwrapped(model)
    counts = {_head(member).out_features for member in getattr(causal, "members", [causal])}
    if len(counts) > 1:
        raise InputError(
            f"the experts have different numbers of classes: {', '.join(map(str, sorted(counts)))}",
            where="ensemble",
        )
    return int(counts.pop())


def is_classifier(model: Any) -> bool:
    """Whether the model's head tells classes apart, not the tokens of its vocabulary."""
    return count_classes(model) != model.config.get_text_config().vocab_size


def save_class_model(model: Any, folder: Path) -> None:
    """Write a classifier's configuration and weights (safetensors), for `load_class_model`.

    Raises:
        InputError: The model carries adapters.
    """
    _check_whole(model)
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    save_model(model, str(folder / WEIGHTS_FILE))


def load_class_model(folder: Path, *, device: str = "cpu", dtype: str = "float32") -> Any:
    """Read what `save_class_model` wrote, in evaluation mode.

    Raises:
        InputError: The folder holds no classifier, or a damaged one.
    """
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.initialization import no_init_weights

    try:
        config: Any = AutoConfig.from_pretrained(folder)
        with no_init_weights():  # every weight is read below
            model: Any = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
        _put_head(model, torch.empty(config.num_labels, _head(model).in_features))
        load_model(model, folder / WEIGHTS_FILE)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"the classifier can't be loaded: {str(error).splitlines()[0]}",
            where=str(folder),
            hint="the folder must be one that save_class_model wrote",
        ) from error
    return model.to(device).eval()


def add_class_lora(model: Any, settings: LoraSettings, *, seed: int) -> Any:
    """Adapters on the body of a classifier, in place; they and the whole head are trained.

    Returns:
        PEFT's wrapper around the model.

    Raises:
        InputError: The adapters' targets are not there, or the head is one of them.
    """
    wrapped = add_lora(model, settings, seed=seed)
    if not isinstance(_head(wrapped), nn.Linear):
        raise InputError(
            "the class head is trained as a whole and takes no adapter", where="adapter.targets"
        )
    _head(wrapped).weight.requires_grad_(True)
    return wrapped


def save_class_adapter(model: Any, folder: Path) -> None:
    """Write a classifier's adapter and its head (safetensors), and nothing of the base."""
    save_adapter(model, folder)
    weight = _head(model).weight.detach().cpu().contiguous()
    save_file({"weight": weight}, folder / HEAD_FILE)


def load_class_adapter(model: Any, folder: Path, *, trainable: bool = False) -> Any:
    """Give the pretrained causal LM a saved head and adapter, in place.

    For an ensemble, `adapters.merge_adapter` makes a plain classifier of the result.

    Returns:
        PEFT's wrapper around the model.

    Raises:
        InputError: The folder holds no head or adapter, or those of another model.
    """
    path = folder / HEAD_FILE
    if not path.is_file():
        raise InputError(f"a classifier's adapter needs {HEAD_FILE}", where=str(folder))
    weight = load_file(path)["weight"]
    if weight.shape[1] != _head(model).in_features:
        raise InputError(
            f"the head reads {weight.shape[1]} features, the model has {_head(model).in_features}",
            where=str(folder),
            hint="take the model that the adapter was trained on",
        )
    wrapped = load_adapter(_put_head(model, weight), folder, trainable=trainable)
    _head(wrapped).weight.requires_grad_(trainable)
    return wrapped


def to_sequence_classifier(
    model: Any, *, names: Sequence[str] | None = None, pad_token_id: int | None = None
) -> Any:
    """The classifier as transformers' own `AutoModelForSequenceClassification`, for export.

    Both share their weights. The logits are those after a sequence's last token that is no padding.

    Args:
        model: A classifier without adapters.
        names: The K classes' names, for `id2label`.
        pad_token_id: The tokenizer's; default: the configuration's, else its end of sequence.

    Raises:
        InputError: The model carries adapters, no padding token is known, or transformers has no
            class for this architecture that gives the same logits.
        ValueError: The names are not K.
    """
    from transformers import AutoModelForSequenceClassification

    _check_whole(model)
    config = _classifier_config(model, names, pad_token_id)
    try:
        with torch.device("meta"):  # body and head are replaced: no weight is made
            classifier: Any = AutoModelForSequenceClassification.from_config(config)
    except ValueError as error:
        raise _no_standard_class(model) from error
    body = classifier.base_model_prefix
    if type(getattr(classifier, body)) is not type(model.base_model):
        raise _no_standard_class(model)
    setattr(classifier, body, model.base_model)
    classifier.score = _head(model)
    classifier.train(model.training)
    if not _same_logits(classifier, model):
        raise _no_standard_class(model)
    return classifier


def _head(model: Any) -> Any:
    head = unwrapped(model).get_output_embeddings()
    if head is None:
        raise InputError(
            "the model has no output embeddings to replace by a class head",
            where=type(model).__name__,
            hint="take a causal language model",
        )
    return head


def _put_head(model: Any, weight: Tensor) -> Any:
    """Make a weight [K, d] the model's head, in its dtype and on its device."""
    n_classes, width = weight.shape
    head = nn.Linear(width, n_classes, bias=False, device=model.device, dtype=model.dtype)
    with torch.no_grad():
        head.weight.copy_(weight)
    model.set_output_embeddings(head)
    model.config.num_labels = n_classes
    model.config.tie_word_embeddings = False
    # transformers noted what is tied when it made the model; an ensemble around it would tie again.
    model.all_tied_weights_keys = model.get_expanded_tied_weights_keys(all_submodels=True)
    return model


def _check_whole(model: Any) -> None:
    from ensemble_core.ensemble_lora import tuner_layers

    if tuner_layers(model):
        raise InputError(
            "the classifier carries adapters",
            where=type(model).__name__,
            hint="merge them into the model with adapters.merge_adapter",
        )


def _classifier_config(model: Any, names: Sequence[str] | None, pad: int | None) -> Any:
    config = copy.deepcopy(model.config)
    ends = config.eos_token_id
    known = (pad, config.pad_token_id, ends[0] if isinstance(ends, list) else ends)
    config.pad_token_id = next((token for token in known if token is not None), None)
    if config.pad_token_id is None:
        raise InputError(
            "a sequence classifier needs a padding token",
            where=str(config.model_type),
            hint="pass the tokenizer's pad_token_id",
        )
    if names is not None:
        if len(names) != config.num_labels:
            raise ValueError(f"{config.num_labels} classes, {len(names)} names")
        config.id2label = dict(enumerate(names))
        config.label2id = {name: index for index, name in enumerate(names)}
    return config


@torch.inference_mode()
def _same_logits(classifier: Any, model: Any) -> bool:
    """Some architectures scale or cap their logits after the head, which a classifier does not."""
    ids = torch.full((1, 3), 0 if classifier.config.pad_token_id else 1, device=model.device)
    was_training = model.training
    classifier.eval()
    model.eval()
    same = torch.allclose(classifier(ids).logits, model(ids).logits[:, -1], atol=1e-5, rtol=1e-4)
    classifier.train(was_training)
    model.train(was_training)
    return same


def _no_standard_class(model: Any) -> InputError:
    return InputError(
        "transformers has no sequence classifier that equals this model",
        where=str(model.config.model_type),
        hint="take a model of the family of GPT-2, GPT-NeoX or Llama",
    )
