"""What the body of a stage works with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_core.settings import LoraSettings, TrainingSettings
from w2s_platform.stage import Stage
from w2s_platform.stages.runtime import Runtime

if TYPE_CHECKING:
    from ensemble_core.encoding import TokenDataset
    from ensemble_core.tasks.question import Question
    from w2s_platform.store import Artifact, Store


@dataclass
class Spent:
    """What a stage spent, besides time; grows while it works."""

    tokens: int = 0
    flops: float = 0.0

    def add(self, more: Any) -> None:
        """Add the `tokens` and `flops` of a training or an evaluation."""
        self.tokens += int(more.tokens)
        self.flops += float(more.flops)


@dataclass(frozen=True)
class StageContext:
    """One stage at work: its settings, its inputs, and the directory it may write to."""

    stage: Stage
    store: "Store"
    store_url: str
    out: Path
    runtime: Runtime
    spent: Spent = field(default_factory=Spent)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The stage's resolved settings."""
        return self.stage.settings

    def input(self, name: str) -> "Artifact":
        """The artifact of one input.

        Raises:
            StoreError: The store does not hold it (any more).
        """
        return self.store.require(self.stage.inputs[name])

    def inputs(self, prefix: str) -> "list[Artifact]":
        """The artifacts of the inputs called `prefix_1`, `prefix_2`, … in order."""
        names = [n for n in self.stage.inputs if n.startswith(f"{prefix}_")]
        return [self.input(n) for n in sorted(names, key=lambda n: int(n.rpartition("_")[2]))]

    def questions(self, name: str) -> "list[Question]":
        """The questions of a `data` input, as classes where the stage classifies."""
        return classed(read_questions(self.input(name)), self.classify)

    @property
    def classify(self) -> str | None:
        """How questions turn into classes; None where answers are written."""
        return self.settings.get("classify")

    @property
    def shared(self) -> dict[str, Any]:
        """What every reading of questions takes: batch size, and when to stop."""
        return {
            "batch_size": self.stage.hints["batch_size"],
            "should_stop": self.runtime.should_stop,
        }

    def write_json(self, name: str, value: Any) -> None:
        """Write one JSON file of the artifact."""
        (self.out / name).write_text(json.dumps(value, indent=1, allow_nan=False) + "\n")

    @property
    def adapter(self) -> LoraSettings | None:
        """The stage's adapter settings; None trains every weight."""
        adapter = self.settings["adapter"]
        return None if adapter == "full" else LoraSettings.model_validate(adapter)

    @property
    def training(self) -> TrainingSettings:
        """The stage's training settings, and the size of its micro-batches, which is a hint."""
        hint = self.stage.hints.get("training") or {}
        return TrainingSettings.model_validate({**self.settings["training"], **hint})

    def encode(
        self,
        questions: "list[Question]",
        answers: list[str] | None = None,
        ended: list[bool] | None = None,
    ) -> "TokenDataset":
        """Questions as the stage's pretrained model reads them, with true or given answers.

        A given answer that has not `ended` gets no end of sequence.
        """
        from w2s_platform.stages.subjects import load_tokenizer

        tokenizer, context_length = load_tokenizer(self.store, self.stage.inputs["pretrained"])
        limit = min(self.training.max_length or context_length, context_length)
        return self.encode_with(tokenizer, questions, limit, answers, ended)

    def encode_with(
        self,
        tokenizer: Any,
        questions: "list[Question]",
        limit: int,
        answers: list[str] | None = None,
        ended: list[bool] | None = None,
    ) -> "TokenDataset":
        """Questions as a tokenizer gives them, at most `limit` tokens each; see `encode`."""
        from ensemble_core.classification import class_data
        from ensemble_core.encoding import TokenDataset, encode_all

        if self.classify is not None:
            return class_data(tokenizer, questions, max_length=limit, answers=answers)
        encoded = encode_all(tokenizer, questions, max_length=limit, answers=answers, ended=ended)
        return TokenDataset(encoded)


def read_questions(artifact: "Artifact") -> "list[Question]":
    """The questions that a `data` artifact holds."""
    import pyarrow.parquet as pq

    from ensemble_core.tasks.table import questions_from_table

    return questions_from_table(pq.read_table(artifact.path("questions.parquet")))


def classed(questions: "list[Question]", classify: str | None) -> "list[Question]":
    """The questions as classes, in one of the ways of `classification`; as they are for None."""
    if classify is None:
        return questions
    from ensemble_core import classification

    ways = {"candidates": classification.as_candidates, "choices": classification.as_choices}
    return ways[classify](questions)


def read_json(artifact: "Artifact", name: str) -> Any:
    """One JSON file of an artifact."""
    return json.loads(artifact.path(name).read_text())
