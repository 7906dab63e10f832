"""Question by question: what each subject of a cell answered, and where two of them differ."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ensemble_core.errors import InputError
from w2s_platform.results.answers import OF_ANSWER, OF_QUESTION, STORED, Outcomes, Texts
from w2s_platform.results.ledger import CellRecord
from w2s_platform.results.reading import (
    ABOUT,
    Row,
    StoreLike,
    SweepLike,
    about,
    cells_of,
    evaluations,
    ledger_of,
    opened,
)
from w2s_platform.store import Artifact, Store

if TYPE_CHECKING:
    import pandas as pd

    from ensemble_core.tasks.question import Question


def questions(
    store: StoreLike,
    sweep: SweepLike,
    cell: str | None = None,
    subjects: Sequence[str] | None = None,
    roles: Sequence[str] | None = None,
) -> "pd.DataFrame":
    """What subjects did with each question, as far as the sweep has run.

    Args:
        store: A store or its URL.
        sweep: The sweep's name, or its ledger.
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
    found = opened(store)
    ledger = ledger_of(found, sweep)
    chosen = [
        (about(ledger.sweep, record, measure), measure.key)
        for record in cells_of(ledger, cell)
        for measure in record.measures
        if (subjects is None or measure.subject in subjects)
        and (roles is None or measure.role in roles)
    ]
    return outcomes_frame(chosen, Outcomes(found, (*OF_QUESTION, *OF_ANSWER, *STORED)))


def outcomes_frame(chosen: Iterable[tuple[Row, str]], outcomes: Outcomes) -> "pd.DataFrame":
    """Rows of several evaluations.

    Args:
        chosen: What the rows of each evaluation are about (`ABOUT`), and its key.
        outcomes: Reads them.

    Returns:
        As `questions`, with the columns that `outcomes` reads.
    """
    import pandas as pd

    columns: dict[str, list[Any]] = {name: [] for name in (*ABOUT, *outcomes.columns)}
    for named, key in chosen:
        held = outcomes.of(key)
        number = len(held[outcomes.columns[0]])
        for name, value in named.items():
            columns[name] += [value] * number
        for name, values in held.items():
            columns[name] += values
    return pd.DataFrame(columns)


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
    texts = Texts(store)
    for measure, artifact in evaluations(store, record):
        if measure.subject == subject and question in (held := texts.of(artifact)):
            return held[question], artifact
    raise InputError(
        f"`{subject}` was not asked a question `{question}`",
        where=f"cell {record.id}",
        hint="`results.questions` lists what each subject was asked",
    )
