"""Bad searches: every mistake is one located message."""

from collections.abc import Callable

import pytest

from ensemble_core.documents import Problem

Find = Callable[[str], list[Problem]]


def shown(found: list[Problem]) -> list[str]:
    return [str(problem).removeprefix("f.yaml:") for problem in found]


SEARCH = """\
search:
  trials: 4
  objective: {metric: accuracy}
  space:
    experts.rounds: {type: int, low: 1, high: 4}
"""
OBJECTIVE = "objective: {metric: accuracy}"
SEARCH_MISTAKES = [
    ("  trials: 4\n", "", ["12:1: search: the key `trials` is missing"]),
    ("trials: 4", "trials: 0", ["13:11: search.trials: must be at least 1, not 0"]),
    ("{metric: accuracy}", "{metric: acuracy}", [
        "14:23: search.objective.metric: `acuracy` is not known here (allowed: accuracy, "
        "token_accuracy, choice_accuracy, choice_accuracy_norm, nll, ece, steps_correct, "
        "first_error, repetition, distinct_2, coherence, pgr; "
        "did you mean `accuracy`?)"]),
    ("{metric: accuracy}", "{metric: choice_accuracy_norm}", [
        "14:23: search.objective.metric: `choice_accuracy_norm` is not in evaluation.metrics "
        "(allowed: accuracy, token_accuracy, choice_accuracy, nll, ece)"]),
    ("{metric: accuracy}", "{metric: pgr}", [
        "14:23: search.objective.metric: there is no pgr to improve here "
        "(subject student or single, with floor and ceiling among `baselines`)"]),
    ("{metric: accuracy}", "{metric: accuracy, role: ood}", [
        "14:39: search.objective.role: choices are made on validation data only "
        "(allowed: validation; test data is read once, for reporting)"]),
    ("{metric: accuracy}", "{metric: accuracy, task: multiply}", [
        "14:39: search.objective.task: choices are made on validation data only "
        "(tasks.validation is `add`)"]),
    ("{metric: accuracy}", "{metric: accuracy, subject: students}", [
        "14:42: search.objective.subject: there is no subject `students` (allowed: weak_base, "
        "floor, long, bagging, ensemble, sequence, strong_base, single, student, ceiling, "
        "expert_1; "
        "did you mean `student`?)"]),
    ("{metric: accuracy}", "{metric: accuracy, subject: expert_9}", [
        "14:42: search.objective.subject: experts are not evaluated alone here "
        "(set evaluation.each_expert: true)",
        "14:42: search.objective.subject: there are only 4 rounds"]),
    ("{type: int, low: 1, high: 4}", "{type: integer, low: 1, high: 4}", [
        "16:28: search.space.experts.rounds.type: `integer` is not known here "
        "(allowed: float, int, categorical; did you mean `int`?)"]),
    ("{type: int, low: 1, high: 4}", "{low: 1, high: 4}", [
        "16:21: search.space.experts.rounds: the key `type` is missing"]),
    ("{type: int, low: 1, high: 4}", "{type: float, low: 1, high: 4}", [
        "16:40: search.space.experts.rounds.low: experts.rounds expected a whole number, not 1.0 "
        "(write `type: int`)",
        "16:49: search.space.experts.rounds.high: experts.rounds expected a whole number, "
        "not 4.0 (write `type: int`)"]),
    ("{type: int, low: 1, high: 4}", "{type: int, low: 4, high: 4}", [
        "16:47: search.space.experts.rounds.high: must be above `low`, 4"]),
    ("{type: int, low: 1, high: 4}", "{type: int, low: 1, high: 4, log: true, step: 2}", [
        "16:67: search.space.experts.rounds.step: `step` and `log` exclude each other"]),
    ("experts.rounds: {type: int, low: 1, high: 4}",
     "experts.training.learning_rate: {type: float, low: 0, high: 2}", [
        "16:56: search.space.experts.training.learning_rate.low: experts.training.learning_rate "
        "must be above 0, not 0.0",
        "16:65: search.space.experts.training.learning_rate.high: experts.training.learning_rate "
        "must be below 1, not 2.0"]),
    ("experts.rounds:", "experts.round:", [
        "16:5: search.space.experts.round: there is no key `experts.round` "
        "(did you mean `experts.rounds`?)"]),
    ("experts.rounds: {type: int, low: 1, high: 4}",
     "tasks.id: {type: categorical, choices: [add]}", [
        "16:5: search.space.tasks.id: what trials are compared on can't be searched "
        "(allowed: keys below experts, student, tasks.labelled, tasks.transfer)"]),
    ("experts.rounds: {type: int, low: 1, high: 4}",
     "experts.combine: {type: categorical, choices: [mean, meen]}", [
        "16:58: search.space.experts.combine.choices[1]: experts.combine `meen` is not known "
        "here (allowed: mean, product, vote, uniform, gate; did you mean `mean`?)"]),
    ("high: 4}", "high: 4, when: {experts.combine: meen}}", [
        "16:74: search.space.experts.rounds.when.experts.combine: experts.combine `meen` is not "
        "known here (allowed: mean, product, vote, uniform, gate; did you mean `mean`?)"]),
    ("high: 4}", "high: 4, when: {experts.rounds: 1}}", [
        "16:57: search.space.experts.rounds.when.experts.rounds: `experts.rounds` would depend on "
        "itself"]),
    ("high: 4}", "high: 4, when: {experts.update: resample}}\n"
     "    experts.update: {type: categorical, choices: [reweight]}", [
        "16:73: search.space.experts.rounds.when.experts.update: `experts.update` never takes "
        "this value (allowed: reweight)"]),
    ("  trials: 4", "  trials: 4\n  scheduler: {asha: {grace_period: 9}}", [
        "14:36: search.scheduler.asha.grace_period: is 9, above the 4 rounds that a trial has"]),
    ("  trials: 4", "  trials: 4\n  scheduler: hyperband", [
        "14:14: search.scheduler: expected none or asha or a mapping, not `hyperband`"]),
    ("  trials: 4", "  trials: 4\n  sampler: tpee", [
        "14:12: search.sampler: `tpee` is not known here (allowed: tpe, random, cmaes, grid; "
        "did you mean `tpe`?)"]),
    ("search:", "vary:\n- grid: {experts.rounds: [2]}\nsearch:", [
        "18:5: search.space.experts.rounds: searched and varied (in `vary` at line 13)"]),
    ("search:", "baselines: [floor]\nsearch:", []),
]  # fmt: skip


def test_a_search_improves_no_generation_that_there_is_not(base: str, problems: Find) -> None:
    text = base.replace("nano-l", "nano-m\n  later: [{model: nano-l}]") + SEARCH
    for subject, said in (
        ("student_2", []),
        ("ceiling_3", ["the last generation is 2"]),
        ("student_1", ["there is no subject `student_1`"]),
    ):
        objective = f"objective: {{metric: accuracy, subject: {subject}}}"
        assert [p.message for p in problems(text.replace(OBJECTIVE, objective))] == said


@pytest.mark.parametrize("metric", ["accuracy", "pgr"])
def test_a_search_without_a_student_has_none_to_improve(
    base: str, problems: Find, metric: str
) -> None:
    objective = f"objective: {{metric: {metric}, subject: student}}"
    text = base.replace("student:\n  model: nano-l\n", "") + SEARCH
    assert [problem.message for problem in problems(text.replace(OBJECTIVE, objective))] == [
        "there is no `student` without a student"
    ]


@pytest.mark.parametrize(("part", "instead", "expected"), SEARCH_MISTAKES)
def test_mistakes_in_a_search(
    base: str, problems: Find, part: str, instead: str, expected: list[str]
) -> None:
    assert part in SEARCH
    assert shown(problems(base + SEARCH.replace(part, instead, 1))) == expected


def test_the_objective_needs_a_subject_that_is_run(base: str, problems: Find) -> None:
    search = SEARCH.replace("{metric: accuracy}", "{metric: accuracy, subject: bagging}")
    assert shown(problems(base + "baselines: [floor]\n" + search)) == [
        "15:42: search.objective.subject: `bagging` is not among `baselines` "
        "(add it there, or choose another subject)"
    ]


def test_the_grid_sampler_needs_a_finite_space(base: str, problems: Find) -> None:
    space = "    experts.training.epochs: {type: float, low: 1, high: 4}\n"
    assert shown(
        problems(base + SEARCH.replace("trials: 4", "trials: 4\n  sampler: grid") + space)
    ) == ["18:30: search.space.experts.training.epochs: the grid sampler needs a `step` or choices"]
