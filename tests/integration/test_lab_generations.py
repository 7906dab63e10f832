"""Three generations of students: each learns from the labels of the one before it."""

from itertools import pairwise

import pyarrow.parquet as pq
import pytest
from lab_user import User
from laboratory import SWEEP, Lab

from w2s_platform.results.ledger import CellRecord, read_ledger
from w2s_platform.stages.context import read_questions
from w2s_platform.stages.subjects import load_subject
from w2s_platform.store import Artifact

pytestmark = pytest.mark.slow

STUDENT = SWEEP[SWEEP.index("student:") : SWEEP.index("evaluation:")]
LATER = (
    "  later: [{model: {path: MODEL}, training: {epochs: 3}}, {model: {path: MODEL}, layers: 1}]\n"
)
TEXT = (
    SWEEP.replace(STUDENT, STUDENT + LATER)
    .replace("sweep: tiny", "sweep: generations")
    .replace("rounds: 3", "rounds: 2")
    .replace(
        "transfer: {task: copy, size: 24}",
        "transfer: [{task: copy, size: 12}, {task: copy, size: 8}]",
    )
    .replace("learning_rate: 0.003", "learning_rate: 0.01")
    .replace("epochs: 2", "epochs: 10")
)
STUDENTS = ("student", "student_2", "student_3")


@pytest.fixture(scope="module")
def user(lab: Lab, ray_session: None) -> User:
    user = User(lab.root / "generations-store", lab.data)
    answer = user.here("run", lab.sweep(TEXT, "generations.yaml"))
    assert answer.status == 0, answer.err
    return user


@pytest.fixture(scope="module")
def cell(user: User) -> CellRecord:
    [only] = read_ledger(user.opened(), "generations").cells
    return only


def labels_of(user: User, cell: CellRecord, student: str) -> tuple[Artifact, Artifact]:
    """The labels that a student learned from, and their questions."""
    store = user.opened()
    inputs = store.require(cell.models[student]).manifest.preimage["inputs"]
    return store.require(inputs["labels"]), store.require(inputs["transfer"])


def test_a_student_learns_what_the_one_before_it_writes(user: User, cell: CellRecord) -> None:
    from ensemble_core.labels import pseudo_labels

    for teacher, student in pairwise(STUDENTS):
        labels, data = labels_of(user, cell, student)
        model, tokenizer = load_subject(user.opened(), cell.models[teacher])
        questions = read_questions(data)
        again = pseudo_labels(model, tokenizer, questions, max_new_tokens=8)
        table = pq.read_table(labels.path("labels.parquet"))
        assert table["id"].to_pylist() == [question.id for question in questions]
        assert table["answer"].to_pylist() == again.answers


def test_questions_of_two_generations_never_meet(user: User, cell: CellRecord) -> None:
    asked = [
        {question.id for question in read_questions(labels_of(user, cell, student)[1])}
        for student in STUDENTS
    ]
    assert [len(ids) for ids in asked] == [12, 8, 8]
    assert not asked[0] & asked[1]
    assert asked[1] == asked[2], "the last slice serves the rest"


def test_pgr_is_taken_against_the_ceiling_of_the_same_generation(
    user: User, lab: Lab, cell: CellRecord
) -> None:
    rows = user.rows(lab.root / "generations.yaml")
    accuracy = {(row["subject"], row["role"]): row["value"] for row in rows
                if row["metric"] == "accuracy" and row["role"] != "transfer"}  # fmt: skip
    recovered = {(row["subject"], row["role"]): row["value"] for row in rows
                 if row["metric"] == "pgr"}  # fmt: skip
    assert {subject for subject, _ in recovered} == {"single", *STUDENTS}
    for number, student in enumerate(STUDENTS, 1):
        for role in ("validation", "id", "ood"):
            ceiling = accuracy["ceiling" if number == 1 else f"ceiling_{number}", role]
            floor, mine = accuracy["floor", role], accuracy[student, role]
            expected = (mine - floor) / (ceiling - floor) if ceiling > floor else None
            assert recovered[student, role] == (
                None if expected is None else pytest.approx(expected)
            )
    assert {row["subject"] for row in rows if row["role"] == "transfer"} == {
        "ensemble", "floor", "student", "student_2",
    }  # fmt: skip


def test_tables_show_generations_in_their_order(user: User, lab: Lab) -> None:
    table = user.here("results", lab.root / "generations.yaml").out.splitlines()
    first = [line.split()[0] for line in table if line.strip()]
    order = ("student", "ceiling", "student_2", "ceiling_2", "student_3", "ceiling_3")
    places = [first.index(name) for name in order]
    assert places == sorted(places)
    assert any(
        line.split()[:3] == ["student_3", "−", "student_2"] for line in table if line.strip()
    )


def test_a_later_student_has_settings_of_its_own(user: User, cell: CellRecord) -> None:
    models = {name: load_subject(user.opened(), cell.models[name])[0] for name in STUDENTS}
    blocks = [model.config.num_hidden_layers for model in models.values()]
    assert blocks == [2, 2, 1]
    made = [user.opened().require(cell.models[name]) for name in (*STUDENTS, "ceiling_2")]
    epochs = [each.manifest.preimage["settings"]["training"]["epochs"] for each in made]
    assert epochs == [10, 3, 10, 3]
