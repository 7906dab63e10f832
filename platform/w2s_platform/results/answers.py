"""What an evaluation tells of each question, read once by the key of its artifact."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ensemble_core.measuring import QuestionResult
from w2s_platform.results.kept import Kept
from w2s_platform.stages.context import classed, read_questions
from w2s_platform.stages.evaluate import QUESTIONS
from w2s_platform.store import Artifact, Store

if TYPE_CHECKING:
    from ensemble_core.tasks.question import Question

OF_QUESTION = ("question", "prompt", "answer", "choices", "difficulty")
OF_ANSWER = ("given", "right")
STORED = tuple(name for name in QuestionResult.__dataclass_fields__ if name != "id")
"""As `measuring.QuestionResult` documents them; what an older artifact lacks is missing."""
MOST, _MOST_TEXTS = 1000, 64
"""Evaluations that are kept unless asked otherwise; and sets of questions."""
Columns = dict[str, list[Any]]
_NEEDED = ("prediction", "correct", "choice", "choice_correct")
"""What was stored of an answer, see `_given`."""


class Texts:
    """The questions of `data` artifacts by id; many evaluations read the same ones."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: Kept[dict[str, Question]] = Kept(_MOST_TEXTS)

    def of(self, evaluation: Artifact) -> "dict[str, Question]":
        """The questions that an evaluation asked, as classes where it classified."""
        preimage = evaluation.manifest.preimage
        key, classify = preimage["inputs"]["data"], preimage["settings"].get("classify")
        return self._kept.get((key, classify), lambda: self._read(key, classify)) or {}

    def _read(self, key: str, classify: str | None) -> "dict[str, Question]":
        read = classed(read_questions(self._store.require(key)), classify)
        return {question.id: question for question in read}


class Outcomes:
    """Outcomes by the key of their evaluation; cells share evaluations, so each is read once.

    Args:
        store: Where the evaluations are.
        columns: Of `OF_QUESTION`, `OF_ANSWER` and `STORED`; no others are read.
        most: Evaluations that are kept.
    """

    def __init__(self, store: Store, columns: Sequence[str], most: int = MOST) -> None:
        self.columns = tuple(columns)
        self._store, self._texts = store, Texts(store)
        self._kept: Kept[Columns] = Kept(most)

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def of(self, key: str) -> Columns:
        """Column → values, one per question; empty where nothing has finished under this key."""
        return self._kept.get(key, lambda: self._read(key)) or {n: [] for n in self.columns}

    def _read(self, key: str) -> Columns | None:
        import pyarrow.parquet as pq

        artifact = self._store.find(key)
        if artifact is None or artifact.kind != "evaluate":
            return None
        if QUESTIONS not in artifact.manifest.files:  # a round after the end of boosting
            return {name: [] for name in self.columns}
        with pq.ParquetFile(artifact.path(QUESTIONS)) as file:
            wanted = {"id", *_NEEDED, *self.columns}.intersection(file.schema_arrow.names)
            stored = file.read(sorted(wanted)).to_pydict()
        return self._told(stored, self._texts.of(artifact))

    def _told(self, stored: Columns, known: "Mapping[str, Question]") -> Columns:
        asked = [known[identity] for identity in stored["id"]]
        answered = (stored[name] for name in _NEEDED)
        given = [_given(*each) for each in zip(asked, *answered, strict=True)]
        told: Columns = {
            "question": [question.id for question in asked],
            "prompt": [question.prompt for question in asked],
            "answer": [question.answer for question in asked],
            "choices": [list(question.choices) for question in asked],
            "difficulty": [question.difficulty for question in asked],
            "given": [text for text, _ in given],
            "right": [right for _, right in given],
        }
        none = [None] * len(asked)
        return {name: told.get(name, stored.get(name, none)) for name in self.columns}


def _given(
    question: "Question",
    written: str | None,
    correct: bool | None,
    choice: int | None,
    choice_correct: bool | None,
) -> tuple[str | None, bool | None]:
    """What was answered, and whether that is right: what was written, else what was chosen."""
    if written is not None:
        return question.final(written) or written.strip(), correct
    if choice is not None:
        return question.choices[int(choice)], choice_correct
    return None, correct
