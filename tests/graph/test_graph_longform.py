"""Measures of long answers in the graph: what asks for them pays for them, and nobody else."""

from graph_helpers import CARDS, NAMES, sweep_of

from ensemble_core.tasks.cards import find_card
from w2s_platform.graph.build import build_graph
from w2s_platform.graph.model import Graph
from w2s_platform.stage import Stage

COUNTING = "nano-count-letters"
SWEEP = f"""
sweep: counting
tasks:
  labelled: {COUNTING}[difficulty=short, size=20]
  transfer: {COUNTING}[difficulty=short, size=20]
  validation: {COUNTING}[difficulty=short, size=10]
  id: {COUNTING}[difficulty=2, size=10]
experts: {{model: nano-long-s, rounds: 2}}
"""


def graph(more: str) -> Graph:
    cards = {name: find_card(name, [CARDS]) for name in (*NAMES, COUNTING)}
    return build_graph(sweep_of(SWEEP + more), cards)


def evaluations(more: str) -> dict[str, Stage]:
    """Subject → its `evaluate` stage on the test slice."""
    made = graph(more)
    [cell] = made.cells
    return {m.subject: made.stages[m.key] for m in cell.measures if m.role == "id"}


def test_steps_are_part_of_a_key_only_where_a_metric_counts_them() -> None:
    plain = evaluations("evaluation: {metrics: [accuracy, nll, repetition]}\n")
    counted = evaluations("evaluation: {metrics: [accuracy, nll, first_error]}\n")
    assert all("steps" not in stage.settings for stage in plain.values())
    steps = {"separator": ";", "verify": "count"}
    assert all(stage.settings["steps"] == steps for stage in counted.values())


def test_what_is_off_changes_no_key() -> None:
    short = evaluations("evaluation: {metrics: [nll]}\n")
    off = evaluations(
        "evaluation: {metrics: [nll], by_position: false, sequence_score: sum, "
        "judge: nano-long-m}\n"
    )
    on = evaluations("evaluation: {metrics: [nll], by_position: true}\n")
    assert {name: stage.key for name, stage in off.items()} == {
        name: stage.key for name, stage in short.items()
    }
    assert set(short["ensemble"].settings) == {"metrics", "max_new_tokens"}
    assert on["ensemble"].key != short["ensemble"].key


def test_the_judge_is_the_student_unless_another_is_named() -> None:
    student = "student: {model: nano-long-m, layers: 2}\n"
    by_student = evaluations(student + "evaluation: {metrics: [coherence]}\n")["ensemble"]
    by_judge = evaluations(
        student + "evaluation: {metrics: [coherence], judge: nano-long-m}\n"
    )["ensemble"]  # fmt: skip
    assert by_student.inputs["judge"] == by_judge.inputs["judge"]
    assert by_student.settings["judge_layers"] == 2
    assert "judge_layers" not in by_judge.settings


def test_sequence_reads_the_ensemble_and_measures_what_is_written() -> None:
    text = "baselines: [floor, sequence]\nevaluation: {metrics: [accuracy, nll, repetition]}\n"
    made = evaluations(text)
    assert set(made) == {"weak_base", "ensemble", "floor", "sequence"}
    sequence = made["sequence"]
    assert sequence.inputs == made["ensemble"].inputs
    assert sequence.settings["metrics"] == ["accuracy", "repetition"]
    assert sequence.settings["sequence_score"] == "mean"
    [cell] = graph(text).cells
    assert "sequence" not in cell.models, "it has no model of its own to export"


def test_prefixes_are_measured_by_what_needs_no_writing() -> None:
    made = graph("evaluation: {metrics: [nll, repetition], staged: true}\n")
    [stage, *_] = [stage for stage in made.stages.values() if stage.kind == "prefixes"]
    assert stage.settings["metrics"] == ["nll"]
