"""Bad sweep files: every mistake is one located message."""

from collections.abc import Callable

import pytest

from ensemble_core.documents import Problem

Find = Callable[[str], list[Problem]]


def shown(found: list[Problem]) -> list[str]:
    return [str(problem).removeprefix("f.yaml:") for problem in found]


# What is put in the place of a line of the base, and what is said of it.
SECTION_MISTAKES = [
    ("sweep: demo", "sweep: a/b", ["1:8: sweep: `a/b` does not match ^[A-Za-z0-9][\\w.-]*$"]),
    ("sweep: demo", "sweep: 7", ["1:8: sweep: expected text, not 7"]),
    ("sweep: demo", "", ["2:1: the key `sweep` is missing"]),
    ("sweep: demo", "sweep: demo\nseed: 3", [
        "2:1: seed: unknown key (allowed: tasks, experts, noise, student, baselines, evaluation, "
        "resources, sweep, seeds, vary, exclude, search, track; did you mean `seeds`?)"]),
    ("sweep: demo", "sweep: demo\nseeds: 0", ["2:8: seeds: must be at least 1, not 0"]),
    ("sweep: demo", "sweep: demo\nseeds: two", [
        "2:8: seeds: expected a whole number, not `two`"]),
    ("  validation: add\n", "", ["2:1: tasks: the key `validation` is missing"]),
    ("  id: [add]", "  id: []", ["6:7: tasks.id: must not be empty"]),
    ("  id: [add]", "  id: [add, add]", [
        "6:13: tasks.id[1]: the same slice stands here twice (also in tasks.id)"]),
    ("  id: [add]", "  id: [multiply]", [
        "7:9: tasks.ood[0]: the same slice stands here twice (also in tasks.id)"]),
    ("  id: [add]", "  id: [{tsak: add}]", [
        "6:8: tasks.id[0]: the key `task` is missing",
        "6:9: tasks.id[0].tsak: unknown key (allowed: task, select, split, size; "
        "did you mean `task`?)"]),
    ("  id: [add]", "  id: [{task: add, size: 0}]", [
        "6:26: tasks.id[0].size: must be at least 1, not 0"]),
    ("  id: [add]", "  id: ['add[size=0]']", [
        "6:8: tasks.id[0]: `size` must be at least 1, not 0"]),
    ("  model: nano-s", "  model: nano-z\n  round: 3", [
        "9:10: experts.model: the built-in suite has no model `nano-z` (allowed: {nano}; "
        "did you mean `nano-s`?)",
        "10:3: experts.round: unknown key (allowed: unit, window, update, error, weight_cap, "
        "update_bound, same_seed, model, layers, mix, rounds, count, combine, adapter, training; "
        "did you mean `rounds`?)"]),
    ("  model: nano-s", "  model: {nano: nano-s, hub: gpt2}", [
        "9:10: experts.model: name exactly one of nano, hub, path, gguf"]),
    ("  model: nano-s", "  model: 3", [
        "9:10: experts.model: expected a model's name or a mapping "
        "(such as nano-s, EleutherAI/pythia-70m or {{gguf: …, package: …}})"]),
    ("  model: nano-s", "  model: nano-s\n  rounds: 2\n  count: 3", [
        "11:10: experts.count: `count` is 3, above `rounds`, 2 "
        "(allowed: at most `rounds`; leave it out for all accepted experts)"]),
    ("  model: nano-s", "  model: nano-s\n  count: 5", [
        "10:10: experts.count: `count` is 5, above `rounds`, 4 "
        "(allowed: at most `rounds`; leave it out for all accepted experts)"]),
    ("  model: nano-s", "  model: nano-s\n  window: 3", [
        "10:11: experts.window: `window` is needed with `unit: window`, and only there"]),
    ("  model: nano-s", "  model: nano-s\n  unit: window", [
        "10:9: experts.unit: `window` is needed with `unit: window`, and only there"]),
    ("  model: nano-s", "  model: nano-s\n  mix: [nano-m, gpt2]", [
        "10:17: experts.mix[1]: experts of one ensemble need the same tokenizer "
        "(mix sizes of one family)"]),
    ("  model: nano-s", "  model: nano-s\n  adapter: lorra", [
        "10:12: experts.adapter: expected full, lora or a mapping (allowed: full, lora; "
        "did you mean `lora`?; or a mapping such as {{rank: 8}})"]),
    ("  model: nano-s", "  model: nano-s\n  adapter: {rank: 0, alfa: 1}", [
        "10:19: experts.adapter.rank: must be at least 1, not 0",
        "10:22: experts.adapter.alfa: unknown key (allowed: rank, alpha, dropout, targets; "
        "did you mean `alpha`?)"]),
    ("  model: nano-s", "  model: nano-s\n  combine: average", [
        "10:12: experts.combine: `average` is not known here "
        "(allowed: mean, product, vote, uniform, gate)"]),
    ("  model: nano-s", "  model: nano-s\n  layers: 1\n  model.layers: 2", [
        "11:3: experts.model.layers: unknown key (allowed: unit, window, update, error, "
        "weight_cap, update_bound, same_seed, model, layers, mix, rounds, count, combine, adapter, "
        "training; did you mean `layers`?)"]),
    ("  model: nano-s", "  model: {nano: nano-s, layers: 2}\n  layers: 1", [
        "10:11: experts.layers: `layers` is 1 here and 2 in `model` (give one of them)"]),
    ("  model: nano-s", "  model: nano-s\n  training: {batch_size: 8, micro_batch_size: 16}", [
        "10:47: experts.training.micro_batch_size: `micro_batch_size` is 16, above "
        "`batch_size`, 8"]),
    ("  model: nano-l", "  model: gpt2\n  labels: soft", [
        "12:11: student.labels: soft labels need experts and student with the same tokenizer "
        "(allowed here: hard; or two models of one family)"]),
    ("  model: nano-l", "  model: nano-m\n  later: [{model: nano-l, rounds: 2}, {layers: 1}]", [
        "12:27: student.later[0].rounds: unknown key (allowed: model, layers, adapter, training)",
        "12:39: student.later[1]: the key `model` is missing"]),
    ("  model: nano-l", "  model: nano-m\n  later:\n  - model: {nano: nano-l, layers: 2}\n"
     "    layers: 1\n    training: {batch_size: 4, micro_batch_size: 8}", [
        "14:13: student.later[0].layers: `layers` is 1 here and 2 in `model` (give one of them)",
        "15:49: student.later[0].training.micro_batch_size: `micro_batch_size` is 8, above "
        "`batch_size`, 4"]),
    ("  transfer: add", "  transfer: [add, multiply]", [
        "4:19: tasks.transfer[1]: `transfer` has 2 slices for one student "
        "(give `student.later` more models, or leave slices out)"]),
    ("  transfer: add", "  transfer: []", ["4:13: tasks.transfer: must not be empty"]),
    ("  transfer: add", "  transfer: [{tsak: add}]", [
        "4:14: tasks.transfer[0]: the key `task` is missing",
        "4:15: tasks.transfer[0].tsak: unknown key (allowed: task, select, split, size; "
        "did you mean `task`?)"]),
    ("  transfer: add", "  transfer: {task: add, size: 0}", [
        "4:31: tasks.transfer.size: must be at least 1, not 0"]),
    ("student:", "baselines: [floor, single, floor]\nstudent:", [
        "10:28: baselines[2]: `floor` stands here twice"]),
    ("student:\n  model: nano-l\n", "baselines: [floor, ceiling]\n", [
        "10:20: baselines[1]: `ceiling` needs a student "
        "(give the section `student`, or leave this baseline out)"]),
    ("student:", "baselines: [flor]\nstudent:", [
        "10:13: baselines[0]: `flor` is not known here (allowed: floor, long, bagging, sequence, "
        "single, ceiling; did you mean `floor`?)"]),
    ("student:", "evaluation: {metrics: [nll, nll], each_expert: yes}\nstudent:", [
        "10:29: evaluation.metrics[1]: `nll` stands here twice",
        "10:48: evaluation.each_expert: expected true or false, not `yes` (write true)"]),
    ("student:", "resources: {time_budget: 8 hours, experts: {gpus_per_worker: 1.5}}\nstudent:", [
        "10:26: resources.time_budget: `8 hours` is no duration (such as 90s, 30m, 8h or 2d)",
        "10:62: resources.experts.gpus_per_worker: above one, GPUs come whole"]),
    ("student:", "evaluation: {max_new_tokens: 64}\nstudent:", [
        "10:30: evaluation.max_new_tokens: answers of 64 tokens leave nano-s no room for a prompt "
        "(its context is 64 tokens)"]),
    ("  model: nano-l", "  model: nano-long-m\nevaluation: {max_new_tokens: 400}", [
        "12:30: evaluation.max_new_tokens: answers of 400 tokens leave nano-s no room for a prompt "
        "(its context is 64 tokens)"]),
    ("student:", "resources: {workers: 2}\nstudent:", [
        "10:13: resources.workers: unknown key (allowed: experts, students, concurrency, "
        "time_budget, device_hours, retries)"]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "instead", "expected"), SECTION_MISTAKES)
def test_mistakes_in_a_section(
    base: str, problems: Find, nano: str, line: str, instead: str, expected: list[str]
) -> None:
    assert line in base
    wanted = [text.format(nano=nano) for text in expected]
    assert shown(problems(base.replace(line, instead, 1))) == wanted


# Lines after the base (they begin at line 12), and what is said of them.
VARY_MISTAKES = [
    ("vary: {grid: {experts.rounds: [1]}}", [
        "12:7: vary: expected a list of blocks, not a mapping "
        "(such as `- grid: {experts.rounds: [1, 2]}`)"]),
    ("vary:\n- grids: {experts.rounds: [1]}", [
        "13:3: vary[0].grids: unknown key (allowed: grid, zip, cases; did you mean `grid`?)"]),
    ("vary:\n- grid: {experts.rounds: 3}", [
        "13:26: vary[0].grid.experts.rounds: expected a list, not 3"]),
    ("vary:\n- grid: {experts.rounds: []}", [
        "13:26: vary[0].grid.experts.rounds: must not be empty"]),
    ("vary:\n- grid: {expert.rounds: [1]}", [
        "13:10: vary[0].grid.expert.rounds: there is no key `expert.rounds` "
        "(did you mean `experts.rounds`?)"]),
    ("vary:\n- grid: {combine: [mean]}", [
        "13:10: vary[0].grid.combine: there is no key `combine` "
        "(did you mean `experts.combine`?)"]),
    ("vary:\n- grid: {experts.training.learning_rte: [1e-3]}", [
        "13:10: vary[0].grid.experts.training.learning_rte: there is no key "
        "`experts.training.learning_rte` (did you mean `experts.training.learning_rate`?)"]),
    ("vary:\n- grid: {seeds: [1, 2]}", [
        "13:10: vary[0].grid.seeds: `seeds` can't vary "
        "(allowed: keys below tasks, experts, noise, student, baselines, evaluation)"]),
    ("vary:\n- grid:\n    experts.rounds: [1, 0, x]", [
        "14:25: vary[0].grid.experts.rounds[1]: must be at least 1, not 0",
        "14:28: vary[0].grid.experts.rounds[2]: expected a whole number, not `x`"]),
    ("vary:\n- grid:\n    student:\n    - {model: nano-l, layer: 2}", [
        "15:23: vary[0].grid.student[0].layer: unknown key (allowed: model, layers, labels, loss, "
        "confidence_weight, adapter, training, later; did you mean `layers`?)"]),
    ("vary:\n- zip: {experts.rounds: [1, 2], student.layers: [1]}", [
        "13:8: vary[0].zip: zipped lists must be of one length "
        "(experts.rounds has 2, student.layers has 1)"]),
    ("vary:\n- grid: {experts.rounds: [1]}\n- cases: [{experts.rounds: 2}]", [
        "14:12: vary[1].cases[0].experts.rounds: varied twice (first at line 13)"]),
    ("vary:\n- cases: [{experts.rounds: 2}, {experts.rounds: 2}]", [
        "13:49: vary[0].cases[1].experts.rounds: makes a cell that is there already "
        "(the same settings come from line 13)"]),
    ("vary:\n- cases: [{case: a, experts.rounds: 2}, {case: a, experts.rounds: 3}, {case: 7}]", [
        "13:48: vary[0].cases[1].case: there is a case `a` already (at line 13)",
        "13:78: vary[0].cases[2].case: a case's name is text",
    ]),
    ("vary:\n- cases: [{case: a, experts.rounds: 2}]\n- cases: [{case: b, experts.count: 1}]", [
        "14:18: vary[1].cases[0].case: the cases of one block have names; name the settings of "
        "this one",
    ]),
    ("vary: {experts.rounds: [1, 2]}", [
        "12:7: vary: expected a list of blocks, not a mapping "
        "(such as `- grid: {experts.rounds: [1, 2]}`)"]),
    ("vary:\n- experts.rounds: [1, 2]\n  experts.count: [1]", [
        "13:3: vary[0]: keys that vary stand below grid, zip or cases "
        "(such as `- grid: {experts.rounds: [VALUE, …]}`)"]),
    ("vary:\n- cases: [{}]", ["13:11: vary[0].cases[0]: must not be empty"]),
    ("vary:\n- grid:\n    experts.count: [2, 5]", [
        "14:24: vary[0].grid.experts.count[1]: `count` is 5, above `rounds`, 4 (allowed: at most "
        "`rounds`; leave it out for all accepted experts; where experts.count=5)"]),
    ("vary:\n- grid:\n    experts.unit: [token, window]\n    experts.combine: [mean, vote]", [
        "14:27: vary[0].grid.experts.unit[1]: `window` is needed with `unit: window`, and only "
        "there (where experts.unit=window, 2 points)"]),
    ("vary:\n- grid: {experts.adapter: [full], experts.adapter.rank: [4]}", [
        "13:58: vary[0].grid.experts.adapter.rank[0]: `experts.adapter` is `full` here and has no "
        "key `rank` (where experts.adapter=full)"]),
    ("vary:\n- grid: {experts.rounds: [1, 2]}\nexclude: [{experts.rounds: 3}]", [
        "14:11: exclude[0]: excludes no cell (no cell has all these values)"]),
    ("exclude: [{experts.combin: mean}, {experts.rounds: 0}]", [
        "12:12: exclude[0].experts.combin: there is no key `experts.combin` "
        "(did you mean `experts.combine`?)",
        "12:52: exclude[1].experts.rounds: must be at least 1, not 0"]),
    ("exclude: [{experts.combine: mean}]", ["12:10: exclude: no cell is left"]),
    ("vary:\n- grid: {experts.training.epochs: [" + ", ".join(map(str, range(1, 400))) + "],"
     " student.training.epochs: [" + ", ".join(map(str, range(1, 400))) + "]}", [
        "12:1: vary: makes more than 100,000 points"]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "expected"), VARY_MISTAKES)
def test_mistakes_in_what_varies(
    base: str, problems: Find, lines: str, expected: list[str]
) -> None:
    found = problems(base + lines + "\n")
    assert [text for text in shown(found) if "varied[" not in text] == expected


def test_everything_is_said_at_once(base: str, problems: Find) -> None:
    """Mistakes of every kind in one file, none hiding another."""
    text = (
        base.replace("  model: nano-s", "  model: nano-s\n  rouns: 2\n  rounds: 2\n  count: 3")
        + "baselines: [floor, floor]\nseeds: 0\nsweep: again\n"
        + "vary:\n- grid: {experts.trainin.epochs: [1], student.layers: [0, 1]}\n"
        + "- zip: {experts.update: [reweight], experts.combine: [mean, vote]}\n"
        + "search: {trials: 3}\nno_such: &a 1\n"
    )
    assert [str(problem).split(" ")[0] for problem in problems(text)] == [
        "f.yaml:10:3:",  # unknown key
        "f.yaml:12:10:",  # count above rounds
        "f.yaml:15:20:",  # baseline twice
        "f.yaml:16:8:",  # seeds
        "f.yaml:17:1:",  # duplicate key
        "f.yaml:19:10:",  # no such key to vary
        "f.yaml:19:56:",  # varied value out of range
        "f.yaml:20:8:",  # zip of unequal length
        "f.yaml:21:9:",  # search without objective
        "f.yaml:21:9:",  # search without space
        "f.yaml:22:1:",  # unknown key
        "f.yaml:22:10:",  # anchor
    ]


def test_not_a_sweep_at_all(problems: Find) -> None:
    assert shown(problems("")) == ["1:1: the file is empty"]
    assert shown(problems("- a\n")) == ["1:1: expected a mapping"]
    missing = [f"1:1: the key `{name}` is missing" for name in ("experts", "tasks")]
    assert shown(problems("sweep: x\n")) == missing


@pytest.mark.parametrize("section", ["tasks", "experts", "student", "vary", "search", "exclude"])
@pytest.mark.parametrize("value", ["", "3", "text", "[]", "[3]", "{}", "{a: {b: [1]}}", "true"])
def test_nonsense_never_crashes(base: str, problems: Find, section: str, value: str) -> None:
    """Whatever stands in a section, the answer is a list of problems, or a sweep."""
    lines = base.splitlines()
    if section in ("tasks", "experts", "student"):
        start = lines.index(f"{section}:")
        end = next(
            (i for i in range(start + 1, len(lines)) if not lines[i].startswith(" ")), len(lines)
        )
        lines[start:end] = []
    found = problems("\n".join(lines) + f"\n{section}: {value}\n")
    harmless = [("vary", "[]"), ("exclude", "[]"), ("search", ""), ("student", "")]
    assert bool(found) is ((section, value) not in harmless)
