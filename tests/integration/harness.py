"""lm-evaluation-harness on local question files: its own task definitions, and what it decides."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HUB_TASKS = {"arc-easy": "arc/arc_easy.yaml", "openbookqa": "openbookqa/openbookqa.yaml"}
"""Card → the harness's own task, which reads the hub."""
LOCAL_FIELDS: dict[str, dict[str, str]] = {
    "arc-easy": {},
    "openbookqa": {
        "doc_to_text": "question",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "answer",
    },
}
"""Where the local files' fields have other names than the hub's."""


@dataclass(frozen=True)
class Judged:
    """What the harness says of one question."""

    prompt: str
    choices: tuple[str, ...]
    """As scored: what stands between prompt and choice is part of the choice."""
    log_likelihoods: tuple[float, ...]
    taken: dict[str, int]
    """Metric → the choice that it takes for the model's answer."""
    right: dict[str, float]
    """Metric → 1 where that is the true answer, else 0."""


def harness_model(model: Any, **options: Any) -> Any:
    """The harness's own wrapper, around a saved model's folder or a model that is loaded."""
    from lm_eval.models.huggingface import HFLM

    named = str(model) if isinstance(model, Path) else model
    return HFLM(pretrained=named, device="cpu", batch_size=16, **options)


def make_task(name: str, file: Path, cache: Path, metrics: Sequence[str]) -> Any:
    """The harness's own task of a card's name, reading a local JSONL file."""
    import lm_eval
    from lm_eval.api.task import ConfigurableTask

    definition = Path(lm_eval.__file__).parent / "tasks" / HUB_TASKS[name]
    data = {"data_files": {"test": str(file)}, "cache_dir": str(cache)}
    return ConfigurableTask(
        config=yaml.safe_load(definition.read_text())
        | {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": data}
        | {"training_split": None, "validation_split": None, "task": name}
        | {"metric_list": [{"metric": metric} for metric in metrics]}
        | LOCAL_FIELDS[name]
    )


def judge(model: Any, tasks: Sequence[Any]) -> tuple[dict[str, list[Judged]], dict[str, Any]]:
    """Run the harness.

    Returns:
        Each task's questions in the order of its file, and its aggregated results.
    """
    import lm_eval
    from lm_eval.tasks import TaskManager

    found = lm_eval.simple_evaluate(
        model=model,
        tasks=list(tasks),
        task_manager=TaskManager(include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
    )
    assert found is not None
    samples = found["samples"]
    judged = {t.config.task: list(_judged(t, samples[t.config.task])) for t in tasks}
    return judged, found["results"]


def _judged(task: Any, samples: Sequence[dict[str, Any]]) -> Iterator[Judged]:
    for sample in sorted(samples, key=lambda sample: sample["doc_id"]):
        prompts, choices = zip(*sample["arguments"], strict=True)
        answers = sample["filtered_resps"]
        assert len(set(prompts)) == 1
        yield Judged(
            prompt=prompts[0],
            choices=choices,
            log_likelihoods=tuple(likelihood for likelihood, _ in answers),
            taken=_taken(task, sample["doc"], answers),
            right={metric: sample[metric] for metric in sample["metrics"]},
        )


def _taken(task: Any, doc: Any, answers: Sequence[tuple[float, bool]]) -> dict[str, int]:
    """Ask the harness about each choice in turn: were this one true, would the model be right?"""
    true = task.config.doc_to_target
    taken: dict[str, int] = {}
    try:
        for index in range(len(answers)):
            task.set_config(key="doc_to_target", value=index)
            for metric, right in task.process_results(doc, answers).items():
                if right:
                    assert metric not in taken
                    taken[metric] = index
    finally:
        task.set_config(key="doc_to_target", value=true)
    return taken


def write_rows(file: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write a JSONL file and the folders above it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file
