"""The JSON Schema: committed as generated, true of the shipped sweeps, and strict."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ensemble_core.documents import Problem, parse, read
from w2s_platform.sweepfile.schema import json_schema

SWEEPS = Path(__file__).parents[2] / "sweeps"
LINE = "# yaml-language-server: $schema=sweep.schema.json"


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    return Draft202012Validator(json_schema())


def data_of(text: str) -> Any:
    return parse(text, path="f.yaml").data


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = json.loads((SWEEPS / "sweep.schema.json").read_text(encoding="utf-8"))
    assert committed == json_schema(), "write it anew: make schema"


def test_shipped_sweeps_fit_it_and_name_it(schema: Draft202012Validator) -> None:
    for path in sorted(SWEEPS.glob("*.yaml")):
        assert LINE in path.read_text(encoding="utf-8").splitlines()[0], path.name
        errors = [error.message for error in schema.iter_errors(read(path).data)]
        assert errors == [], path.name


def test_every_key_is_described() -> None:
    described = json_schema()
    objects = [described, *described["$defs"].values()]
    bare = [
        f"{item.get('title')}.{name}"
        for item in objects
        for name, key in item.get("properties", {}).items()
        if "description" not in key
    ]
    assert bare == []


GOOD = [
    "",
    "seeds: 8\nbaselines: [floor]\nevaluation: {metrics: [nll], each_expert: true}\n",
    "vary:\n- grid: {experts.rounds: [1, 2], tasks.labelled.select.difficulty: [easy]}\n"
    "- zip: {experts.model: [nano-s], student: [{model: nano-l}]}\n- cases: [{experts.count: 1}]\n"
    "exclude: [{experts.rounds: 1}]\n",
    "search:\n  trials: 3\n  objective: {metric: pgr, subject: student}\n  scheduler: asha\n"
    "  space: {experts.rounds: {type: int, low: 1, high: 4}}\n",
    "resources: {time_budget: 8h, experts: {workers: 2}}\n",
]
BAD = [
    "seeds: 0\n",
    "seed: 3\n",
    "baselines: [flor]\n",
    "vary: {grid: {experts.rounds: [1]}}\n",
    "vary:\n- grid: {experts.rounds: 1}\n",
    "vary:\n- grid: {experts.rond: [1]}\n",
    "vary:\n- {grid: {experts.rounds: [1]}, zip: {experts.count: [1]}}\n",
    "exclude: [{rounds: 1}]\n",
    "search: {trials: 3}\n",
    "search:\n  trials: 3\n  objective: {metric: nll, role: ood}\n"
    "  space: {experts.rounds: {type: int, low: 1, high: 4}}\n",
    "search:\n  trials: 3\n  objective: {metric: nll}\n"
    "  space: {experts.rounds: {type: int, lo: 1, high: 4}}\n",
    "resources: {experts: {workers: 0}}\n",
]


@pytest.mark.parametrize("lines", GOOD)
def test_it_takes_what_the_loader_takes(
    base: str, schema: Draft202012Validator, problems: Callable[[str], list[Problem]], lines: str
) -> None:
    assert [error.message for error in schema.iter_errors(data_of(base + lines))] == []
    assert problems(base + lines) == []


@pytest.mark.parametrize("lines", BAD)
def test_it_rejects_what_the_loader_rejects(
    base: str, schema: Draft202012Validator, problems: Callable[[str], list[Problem]], lines: str
) -> None:
    assert not schema.is_valid(data_of(base + lines))
    assert problems(base + lines) != []


def test_reading_sweeps_imports_nothing_heavy() -> None:
    """`w2s validate` starts fast: no torch, ray, transformers or pandas on its path."""
    code = (
        "import sys, w2s_platform.sweepfile.load, w2s_platform.sweepfile.check\n"
        "from w2s_platform.sweepfile.names import nano_names\n"
        "nano_names()\n"
        "heavy = {'torch', 'ray', 'transformers', 'pandas', 'datasets', 'optuna', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
