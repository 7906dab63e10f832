"""Question by question: what each subject of a cell answered, and where two of them differ."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ensemble_core.errors import InputError
from ensemble_core.measuring import QuestionResult
from w2s_platform.results.ledger import CellRecord, read_ledger
from w2s_platform.results.reading import ABOUT, Row, StoreLike, about, cells_of, evaluations, opened
from w2s_platform.stages.context import classed, read_questions
from w2s_platform.stages.evaluate import QUESTIONS
from w2s_platform.store import Artifact, Store

if TYPE_CHECKING:
    import pandas as pd

    from ensemble_core.tasks.question import Question

OF_QUESTION = ("question", "prompt", "answer", "choices", "difficulty")
OF_ANSWER = ("given", "right")
STORED = tuple(name for name in QuestionResult.__dataclass_fields__ if name != "id")
"""As `measuring.QuestionResult` documents them; what an older artifact lacks is missing."""


def questions(
    store: StoreLike,
    sweep: str,
    cell: str | None = None,
    subjects: Sequence[str] | None = None,
    roles: Sequence[str] | None = None,
) -> "pd.DataFrame":
    """What subjects did with each question, as far as the sweep has run.

    Args:
        store: A store or its URL.
        sweep: The sweep's name.
        cell: A cell's id, or how it begins; default: all cells.
        subjects: Such as `ensemble` and `floor`; default: all.
        roles: Of `validation`, `id`, `ood`; default: all.

    Returns:
        One row per cell, subject and question: `sweep, cell, seed, subject, task, role, split`; of
        the question its id (`question`), `prompt`, true `answer`, `choices`, `difficulty`; what the
        subject answered (`given`: the final answer in what it wrote, else the text of the choice
        that it finds likeliest) and whether that is `right`; then what the evaluation stored, see
        `measuring.QuestionResult`.

    Raises:
        InputError: The store holds no such sweep, or the sweep no such cell.
    """
    import pandas as pd

    found = opened(store)
    ledger = read_ledger(found, sweep)
    texts = _Texts(found)
    rows = [
        row
        for record in cells_of(ledger, cell)
        for measure, artifact in evaluations(found, record)
        if (subjects is None or measure.subject in subjects)
        and (roles is None or measure.role in roles)
        for row in _rows(about(sweep, record, measure), artifact, texts)
    ]
    return pd.DataFrame(rows, columns=[*ABOUT, *OF_QUESTION, *OF_ANSWER, *STORED])


def answered_differently(
    outcomes: "pd.DataFrame", first: str = "ensemble", second: str = "floor"
) -> "pd.DataFrame":
    """The questions to which two subjects of a cell give different answers.

    Args:
        outcomes: What `questions` returned, with both subjects.
        first: A subject.
        second: Another one.

    Returns:
        One row per cell and question: who it is about, the question, and `given` and `right` of
        either, as `given_ensemble`, `right_ensemble`, `given_floor`, `right_floor`. Questions where
        only one of them was measured, or nothing was answered (only `nll`), are left out.
    """
    import pandas as pd

    keys = ["sweep", "cell", "seed", "task", "role", "split", "question"]
    left, right = (outcomes[outcomes["subject"] == subject] for subject in (first, second))
    shared = [*keys, "prompt", "answer", "choices", "difficulty", *OF_ANSWER]
    both = pd.merge(
        left[shared], right[[*keys, *OF_ANSWER]], on=keys, suffixes=(f"_{first}", f"_{second}")
    )
    names = [f"given_{first}", f"given_{second}"]
    answered = both[names].notna().all(axis=1)
    return both[answered & (both[names[0]] != both[names[1]])].reset_index(drop=True)


def find_question(
    store: Store, record: CellRecord, subject: str, question: str
) -> "tuple[Question, Artifact]":
    """A question by its id, and the subject's evaluation that asked it.

    Raises:
        InputError: No finished evaluation of this subject of the cell did.
    """
    texts = _Texts(store)
    for measure, artifact in evaluations(store, record):
        if measure.subject == subject and question in (held := texts.of(artifact)):
            return held[question], artifact
    raise InputError(
        f"`{subject}` was not asked a question `{question}`",
        where=f"cell {record.id}",
        hint="`results.questions` lists what each subject was asked",
    )


class _Texts:
    """The questions of `data` artifacts by id; many evaluations read the same ones."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[tuple[str, str | None], dict[str, Question]] = {}

    def of(self, evaluation: Artifact) -> "dict[str, Question]":
        preimage = evaluation.manifest.preimage
        key, classify = preimage["inputs"]["data"], preimage["settings"].get("classify")
        if (key, classify) not in self._seen:
            read = classed(read_questions(self._store.require(key)), classify)
            self._seen[key, classify] = {question.id: question for question in read}
        return self._seen[key, classify]


def _rows(named: Row, artifact: Artifact, texts: _Texts) -> list[Row]:
    import pyarrow.parquet as pq

    if QUESTIONS not in artifact.manifest.files:  # a round after the end of boosting
        return []
    known = texts.of(artifact)
    stored = pq.read_table(artifact.path(QUESTIONS)).to_pylist()
    return [{**named, **_told(known[row["id"]], row)} for row in stored]


def _told(question: "Question", stored: Row) -> Row:
    given, right = stored["prediction"], stored["correct"]
    if given is not None:
        given = question.final(given) or given.strip()
    elif stored["choice"] is not None:
        given, right = question.choices[int(stored["choice"])], stored["choice_correct"]
    return {
        "question": question.id,
        "prompt": question.prompt,
        "answer": question.answer,
        "choices": list(question.choices),
        "difficulty": question.difficulty,
        "given": given,
        "right": right,
        **{name: stored.get(name) for name in STORED},
    }
