"""From sweep files to cells: what varies, what is left out, and what identifies a cell."""

import hashlib
import json
import pickle
import time
from collections.abc import Callable
from typing import Any

import pytest

from ensemble_core.documents import Problem
from ensemble_core.errors import InputError
from ensemble_core.settings import LoraSettings, ModelRef
from w2s_platform.sweepfile.check import problem_at
from w2s_platform.sweepfile.expand import cells, cells_at, value_at
from w2s_platform.sweepfile.search import CategoricalDimension
from w2s_platform.sweepfile.sweep import Sweep

Load = Callable[[str], Sweep]
Find = Callable[[str], list[Problem]]


def test_a_plain_sweep_is_one_cell_per_seed(base: str, load: Load) -> None:
    found = cells(load(base + "seeds: 3\n"))
    assert [cell.seed for cell in found] == [0, 1, 2]
    assert len({cell.id for cell in found}) == 3
    assert len({cell.trial for cell in found}) == 1
    assert all(cell.varied == {} for cell in found)
    config = found[0].config
    assert config.experts.model == ModelRef(nano="nano-s")
    assert config.experts.count is None
    assert config.baselines == ("floor", "bagging", "single", "ceiling")


def test_blocks_multiply_and_the_last_changes_fastest(base: str, load: Load) -> None:
    text = """vary:
- grid:
    experts.rounds: [2, 3]
    experts.combine: [mean, vote]
- zip:
    experts.model: [nano-s, nano-m]
    student.layers: [1, 2]
- cases:
  - {experts.unit: token}
  - {experts.unit: window, experts.window: 3}
"""
    found = cells(load(base + text))
    assert len(found) == 2 * 2 * 2 * 2
    rows = [tuple(cell.varied.values()) for cell in found]
    assert rows[0] == (2, "mean", "nano-s", 1, "token")
    assert rows[1] == (2, "mean", "nano-s", 1, "window", 3)
    assert rows[2] == (2, "mean", "nano-m", 2, "token")
    assert rows[-1] == (3, "vote", "nano-m", 2, "window", 3)
    assert (found[1].config.experts.unit, found[1].config.experts.window) == ("window", 3)
    assert found[2].config.experts.model.nano == "nano-m"


def test_a_value_replaces_what_stands_there(base: str, load: Load) -> None:
    text = base + "vary:\n- grid:\n    student.training: [{epochs: 1}, {batch_size: 4}]\n"
    text = text.replace("  model: nano-l", "  model: nano-l\n  training: {epochs: 9, warmup: 0}")
    first, second = (cell.config.student.training for cell in cells(load(text)))
    assert (first.epochs, first.warmup) == (1.0, 0.1)
    assert (second.epochs, second.batch_size) == (3.0, 4)


def test_keys_below_short_forms(base: str, load: Load) -> None:
    text = (
        base
        + """vary:
- grid:
    tasks.labelled.size: [10]
    tasks.labelled.select.difficulty: [hard]
    experts.model.layers: [1]
    experts.adapter.rank: [2]
    tasks.ood: [multiply, [multiply, 'add[difficulty=hard]']]
"""
    )
    first, second = cells(load(text))
    labelled = first.config.tasks.labelled
    assert (labelled.task, labelled.size, labelled.select) == ("add", 10, {"difficulty": ("hard",)})
    assert first.config.experts.model == ModelRef(nano="nano-s", layers=1)
    assert first.config.experts.adapter == LoraSettings(rank=2)
    assert [len(cell.config.tasks.ood) for cell in (first, second)] == [1, 2]


def test_a_required_key_may_come_from_vary(base: str, load: Load, problems: Find) -> None:
    text = base.replace("  model: nano-s", "  rounds: 2")
    found = cells(load(text + "vary:\n- grid: {experts.model: [nano-s, nano-m]}\n"))
    assert [cell.config.experts.model.nano for cell in found] == ["nano-s", "nano-m"]
    partly = "vary:\n- cases:\n  - {experts.model: nano-s}\n  - {experts.rounds: 3}\n"
    assert [problem.message for problem in problems(text + partly)] == [
        "the key `model` is missing"
    ]


def test_a_base_that_only_cells_complete(base: str, load: Load) -> None:
    """`unit: window` alone is no cell; with the sizes that vary it is."""
    text = base.replace("  model: nano-s", "  model: nano-s\n  unit: window\n  count: 4")
    vary = "vary:\n- grid: {experts.window: [2, 3], experts.rounds: [4, 8]}\n"
    assert len(cells(load(text + vary))) == 4


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ("{experts.rounds: 2}", 4),
        ("{experts.rounds: [2, 3]}", 2),
        ("{experts.rounds: 2, experts.combine: vote}", 5),
        ("{experts.rounds: 2, experts.combine: vote}, {experts.rounds: 3}", 3),
        ("{experts.rounds: 2, experts.model: {nano: nano-s}}", 4),
        ("{experts.rounds: 2, experts.adapter: full, experts.count: null}", 4),
        ("{experts.rounds: 2, experts.training.epochs: 3}", 4),
    ],
)
def test_exclude(base: str, load: Load, exclude: str, left: int) -> None:
    vary = "vary:\n- grid: {experts.rounds: [2, 3, 4], experts.combine: [mean, vote]}\n"
    assert len(cells(load(f"{base}{vary}exclude: [{exclude}]\n"))) == left


def test_excluded_cells_need_not_make_sense(base: str, load: Load, problems: Find) -> None:
    vary = "vary:\n- grid: {experts.rounds: [1, 2], experts.count: [1, 2]}\n"
    assert len(problems(base + vary)) == 1
    found = cells(load(base + vary + "exclude: [{experts.rounds: 1, experts.count: 2}]\n"))
    assert [tuple(cell.varied.values()) for cell in found] == [(1, 1), (2, 1), (2, 2)]


def only(sweep: Sweep) -> str:
    (cell,) = cells(sweep)
    return cell.id


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sweep: demo", "# a note\nsweep: another"),
        ("  transfer: add\n  validation: add\n", "  validation: add\n  transfer: {task: add}\n"),
        ("  model: nano-s", "  model: {nano: nano-s}\n  rounds: 4\n  adapter: full"),
        ("  model: nano-s", "  model: nano-s\n  training: {learning_rate: 0.001}"),
        ("  id: [add]", "  id: add"),
        ("student:", "baselines: [ceiling, floor, single, bagging]\nstudent:"),
        ("student:", "resources: {concurrency: 2, experts: {workers: 2}}\nstudent:"),
        ("student:", "seeds: 1\nvary: []\nstudent:"),
    ],
)
def test_ids_are_blind_to_how_a_file_is_written(base: str, load: Load, old: str, new: str) -> None:
    assert old in base
    assert only(load(base.replace(old, new))) == only(load(base))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  labelled: add[difficulty=easy]", "  labelled: add"),
        ("  model: nano-s", "  model: nano-m"),
        ("  model: nano-s", "  model: nano-s\n  rounds: 5"),
        ("  model: nano-s", "  model: nano-s\n  adapter: lora"),
        ("  model: nano-l", "  model: nano-l\n  training: {epochs: 4}"),
        ("student:", "baselines: [floor]\nstudent:"),
        ("student:", "evaluation: {max_new_tokens: 5}\nstudent:"),
    ],
)
def test_ids_see_every_setting(base: str, load: Load, old: str, new: str) -> None:
    assert old in base
    assert only(load(base.replace(old, new))) != only(load(base))


def on(value: Any) -> Any:
    """Without options that are off, so that a later version can add some."""
    if isinstance(value, list):
        return [on(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: on(v) for name, v in value.items() if on(v) not in (None, [], {}) and v is not False
    }


def test_ids_are_hashes_of_canonical_json(base: str, load: Load) -> None:
    for cell in cells(load(base + "seeds: 2\n")):
        config = cell.config.model_dump(mode="json", exclude={"resources"})
        text = json.dumps(
            {"config": {name: on(section) for name, section in config.items()}, "seed": cell.seed},
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        )
        assert cell.id == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_the_sweep_has_a_key_of_its_content(base: str, load: Load) -> None:
    assert load(base).key == load("# a note\n" + base + "\n").key
    assert load(base).key != load(base + "seeds: 2\n").key
    assert load(base + "vary: [{grid: {experts.rounds: [1]}}]\n").varied == ("experts.rounds",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nano-s", {"nano": "nano-s"}),
        ("gpt2", {"hub": "gpt2"}),
        ("EleutherAI/pythia-70m", {"hub": "EleutherAI/pythia-70m"}),
        ("EleutherAI/pythia-70m@step3", {"hub": "EleutherAI/pythia-70m", "revision": "step3"}),
        ("./models/mine", {"path": "./models/mine"}),
        ("/models/mine", {"path": "/models/mine"}),
        ("small.gguf", {"gguf": "small.gguf"}),
        ("{gguf: small.gguf, package: carrier}", {"gguf": "small.gguf", "package": "carrier"}),
    ],
)
def test_names_of_models(base: str, load: Load, name: str, expected: dict[str, str]) -> None:
    (cell,) = cells(load(base.replace("model: nano-s", f"model: {name}")))
    assert cell.config.experts.model == ModelRef(**expected)
    assert cell.config.experts.base == cell.config.experts.model


def test_layers_beside_the_model(base: str, load: Load) -> None:
    (cell,) = cells(load(base.replace("model: nano-s", "model: nano-s\n  layers: 2")))
    assert cell.config.experts.base == ModelRef(nano="nano-s", layers=2)


def test_time_budgets(base: str, load: Load) -> None:
    seconds = {"90": 90, "90s": 90, "1.5m": 90, "8h": 28800, "2d": 172800}
    for text, expected in seconds.items():
        sweep = load(base + f"resources: {{time_budget: {text}}}\n")
        assert sweep.resources.time_budget == expected
        assert cells(sweep)[0].config.resources == sweep.resources


def test_a_case_may_have_a_name_which_is_no_setting(base: str, load: Load) -> None:
    named = load(base + "vary:\n- cases: [{case: one}, {case: three, experts.rounds: 3}]\n")
    unnamed = load(base + "vary:\n- cases: [{experts.rounds: 4}, {experts.rounds: 3}]\n")
    assert [cell.varied for cell in cells(named)] == [
        {"case": "one"},
        {"case": "three", "experts.rounds": 3},
    ]
    assert [cell.id for cell in cells(named)] == [cell.id for cell in cells(unnamed)]


SEARCH = """search:
  trials: 9
  objective: {metric: nll, subject: student}
  scheduler: {asha: {grace_period: 2}}
  space:
    experts.model: {type: categorical, choices: [nano-s, nano-m]}
    experts.training.learning_rate: {type: float, low: 1e-4, high: 1e-2, log: true}
    experts.adapter: {type: categorical, choices: [full, lora]}
    experts.adapter.rank: {type: int, low: 1, high: 8, when: {experts.adapter: lora}}
"""


def test_a_search_and_its_trials(base: str, load: Load) -> None:
    sweep = load(base.replace("  model: nano-s", "  rounds: 4") + "seeds: 2\n" + SEARCH)
    search = sweep.search
    assert search is not None
    assert (search.trials, search.objective.direction, search.sampler) == (9, "min", "tpe")
    assert search.asha is not None
    assert search.asha.grace_period == 2
    values = {"experts.model": "nano-m", "experts.adapter": "lora", "experts.adapter.rank": 3}
    trial = cells_at(sweep, values)
    assert [cell.seed for cell in trial] == [0, 1]
    assert trial[0].config.experts.adapter == LoraSettings(rank=3)
    assert trial[0].varied == values
    plain = cells_at(sweep, {"experts.model": "nano-m", "experts.adapter": "full"})
    assert plain[0].trial != trial[0].trial


def test_a_trial_has_the_id_of_the_same_cell_in_vary(base: str, load: Load) -> None:
    varied = cells(load(base + "vary:\n- grid: {experts.rounds: [2, 3]}\n"))
    (cell,) = cells_at(load(base), {"experts.rounds": 3})
    assert cell.id == varied[1].id


def test_a_search_keeps_values_as_they_are_written(base: str, load: Load) -> None:
    when = "when: {experts.adapter: [lora, {rank: 4}]}"
    space = f"    student.layers: {{type: categorical, choices: [1, 2], {when}}}\n"
    targets = "[{rank: 2, targets: [a, b]}]"
    space += f"    student.adapter: {{type: categorical, choices: {targets}}}\n"
    search = load(base + SEARCH.replace("[full, lora]", "[full, lora, {rank: 4}]") + space).search
    assert search is not None
    assert search.space["student.layers"].when == {"experts.adapter": ["lora", {"rank": 4}]}
    chosen = search.space["student.adapter"]
    assert isinstance(chosen, CategoricalDimension)
    assert chosen.choices == ({"rank": 2, "targets": ["a", "b"]},)


def test_values_that_conditions_look_at(base: str, load: Load) -> None:
    sweep = load(base)
    assert value_at(sweep, "experts.model") == "nano-s"
    assert value_at(sweep, "experts.adapter") == "full"
    assert value_at(sweep, "experts.training.epochs") == 3.0
    assert value_at(sweep, "experts.rounds", {"experts.rounds": 7}) == 7
    with pytest.raises(KeyError):
        value_at(sweep, "experts.round")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"experts.rounds": 2, "experts.count": 3}, "`count` is 3, above `rounds`, 2"),
        ({"experts.adapter": "full", "experts.adapter.rank": 3}, "has no key `rank`"),
        ({"experts.unit": "window"}, "`window` is needed with `unit: window`"),
    ],
)
def test_trials_that_make_no_sense(
    base: str, load: Load, values: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message.replace("`", "\\`")):
        cells_at(load(base), values)  # type: ignore[arg-type]


def test_problems_are_shown_where_the_value_is_written(base: str, load: Load) -> None:
    sweep = load(base + "vary:\n- grid:\n    tasks.ood: [[multiply], [add, multiply]]\n"
                 .replace("[add,", "['add[difficulty=hard]',"))  # fmt: skip
    first, second = cells(sweep)
    assert str(problem_at(sweep, first, ("tasks", "id", 0), "no")).startswith(
        "f.yaml:6:8: tasks.id"
    )
    place = str(problem_at(sweep, second, ("tasks", "ood", 1), "no"))
    assert place == "f.yaml:14:54: vary[0].grid.tasks.ood[1][1]: no"


@pytest.mark.alone
def test_a_thousand_cells_take_less_than_two_seconds(base: str, load: Load) -> None:
    text = (
        base
        + """vary:
- grid:
    experts.rounds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    experts.combine: [mean, product, vote, uniform]
    student.training.learning_rate: [1e-4, 2e-4, 3e-4, 4e-4, 5e-4]
    experts.model: [nano-s, nano-m]
    tasks.labelled.size: [10, 20, 30]
exclude: [{experts.rounds: 3, experts.combine: [mean, vote]}]
"""
    )
    start = time.perf_counter()
    found = cells(load(text))
    assert time.perf_counter() - start < 2
    assert len({cell.id for cell in found}) == len(found) == 1140


def test_sweeps_and_cells_travel_to_other_processes(base: str, load: Load) -> None:
    sweep = load(base + "vary:\n- grid: {experts.rounds: [1, 2]}\n")
    copy = pickle.loads(pickle.dumps(sweep))  # noqa: S301 - our own bytes
    assert copy == sweep
    assert cells(copy) == cells(sweep)
