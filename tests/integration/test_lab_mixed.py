"""Experts of two sizes in one ensemble: turns, references of their own, adapters, export."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from lab_user import User, one_message
from laboratory import SWEEP, Lab

from w2s_platform.cli.inputs import load_study
from w2s_platform.export import export
from w2s_platform.results.ledger import CellRecord, read_ledger
from w2s_platform.stages.run import run_stage
from w2s_platform.stages.runtime import Runtime
from w2s_platform.stages.subjects import load_subject, merged
from w2s_platform.store import open_store

pytestmark = pytest.mark.slow

STUDENT = SWEEP[SWEEP.index("student:") : SWEEP.index("evaluation:")]
PLAIN = (
    SWEEP.replace(STUDENT, "")
    .replace("sweep: tiny", "sweep: mixed")
    .replace("learning_rate: 0.003", "learning_rate: 0.01")
    .replace("epochs: 2", "epochs: 6")
    .replace("metrics: [accuracy, token_accuracy, nll]", "metrics: [nll], each_expert: true")
)
MIXED = PLAIN.replace("rounds: 3", "rounds: 3\n  mix: [{path: WIDE}]")
VARY = "vary: [{grid: {experts.adapter: [full, lora]}}]\n"


@dataclass(frozen=True)
class Mixed:
    """The finished sweep."""

    user: User
    wide: Path

    def cell(self, adapter: str) -> CellRecord:
        cells = read_ledger(self.user.opened(), "mixed").cells
        return next(cell for cell in cells if cell.varied["experts.adapter"] == adapter)

    def model(self, adapter: str, subject: str) -> Any:
        return load_subject(self.user.opened(), self.cell(adapter).models[subject])[0]

    def rounds(self) -> list[dict[str, np.ndarray]]:
        """Round → columns of its tokens."""
        store = self.user.opened()
        keys = [self.cell("full").models[f"expert_{number}"] for number in (1, 2, 3)]
        tables = [pq.read_table(store.require(key).path("tokens.parquet")) for key in keys]
        return [{name: table[name].to_numpy() for name in table.column_names} for table in tables]

    def history(self) -> list[dict[str, Any]]:
        ensemble = self.user.opened().require(self.cell("full").models["ensemble"])
        return json.loads(ensemble.path("history.json").read_text())


def other_model(lab: Lab, name: str, *, hidden: int, letters: str = "abcdefgh") -> Path:
    """A model beside the lab's own: wider, or one that reads other letters."""
    import torch
    from transformers import AutoTokenizer, GPTNeoXConfig, GPTNeoXForCausalLM

    folder = lab.root / name
    config = GPTNeoXConfig.from_pretrained(lab.model, hidden_size=hidden)
    torch.manual_seed(1)
    GPTNeoXForCausalLM(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(lab.model).save_pretrained(folder)
    file = folder / "tokenizer.json"
    written = json.loads(file.read_text())
    ids = written["model"]["vocab"]
    first = min(ids[letter] for letter in letters)
    ids |= {letter: first + place for place, letter in enumerate(letters)}
    file.write_text(json.dumps(written))
    return folder


@pytest.fixture(scope="module")
def mixed(lab: Lab, ray_session: None) -> Mixed:
    wide = other_model(lab, "wide", hidden=48)
    user = User(lab.root / "mixed-store", lab.data)
    sweep = lab.sweep((MIXED + VARY).replace("WIDE", str(wide)), "mixed.yaml")
    answer = user.here("run", sweep)
    assert answer.status == 0, answer.err
    return Mixed(user, wide)


def test_models_take_turns_in_rounds_and_in_bags(mixed: Mixed) -> None:
    for adapter in ("full", "lora"):
        widths = [mixed.model(adapter, f"expert_{n}").config.hidden_size for n in (1, 2, 3)]
        assert widths == [32, 48, 32]
        members = mixed.model(adapter, "bagging").members
        assert [member.config.hidden_size for member in members] == [32, 48, 32]
    assert mixed.model("full", "floor").config.hidden_size == 32


def test_each_round_is_weighed_against_its_own_pretrained_model(mixed: Mixed, lab: Lab) -> None:
    history, rounds = mixed.history(), mixed.rounds()
    errors = [greedy_error(lab.model, rounds[0]), greedy_error(mixed.wide, rounds[1])]
    assert errors[0] != errors[1]
    assert [entry["reference_error"] for entry in history] == pytest.approx([*errors, errors[0]])
    for entry, columns in zip(history, rounds, strict=True):
        weights = np.exp(columns["log_weight"])
        error = weights[columns["wrong"]].sum() / weights.sum()
        assert entry["error"] == pytest.approx(error)
        reference = entry["reference_error"]
        alpha = math.log((1 - error) / error) + math.log(1 / (1 - reference) - 1)
        assert entry["alpha"] == pytest.approx(alpha)


def greedy_error(model: Path, columns: dict[str, np.ndarray]) -> float:
    """How many of the answer tokens a model does not expect, one answer at a time."""
    import torch
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(model)
    missed = total = 0
    for example in np.unique(columns["example"]):
        answer = columns["token"][columns["example"] == example]
        whole = torch.tensor([[*answer[:-1], 2, *answer]])  # the question is the answer; 2 is `=`
        with torch.inference_mode():
            expected = loaded(whole).logits[0].argmax(-1).numpy()
        missed += int((expected[len(answer) - 1 : -1] != answer).sum())
        total += len(answer)
    return missed / total


def test_adapters_over_two_bases_are_merged(mixed: Mixed) -> None:
    import torch

    ensemble = mixed.model("lora", "bagging")
    assert ensemble.config.adapter_configs is None
    tokens = torch.tensor([[3, 4, 2, 3]])
    described = mixed.user.opened().require(mixed.cell("lora").models["bagging"])
    keys = [m["key"] for m in json.loads(described.path("ensemble.json").read_text())["members"]]
    experts = [merged(load_subject(mixed.user.opened(), key)[0]) for key in keys]
    with torch.inference_mode():
        mean = torch.stack([expert(tokens).logits.softmax(-1) for expert in experts]).mean(0)
        together = ensemble(tokens).logits.exp()
    torch.testing.assert_close(together, mean, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("adapter", ["full", "lora"])
def test_a_mixed_ensemble_is_exported_whole(mixed: Mixed, tmp_path: Path, adapter: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    export(mixed.user.opened(), mixed.cell(adapter).id, tmp_path / "out")
    tokens = torch.tensor([[3, 4, 2, 3]])
    with torch.inference_mode():
        out = AutoModelForCausalLM.from_pretrained(tmp_path / "out")(tokens).logits
        torch.testing.assert_close(out, mixed.model(adapter, "ensemble")(tokens).logits)


def test_the_first_round_and_bag_are_those_of_the_model_alone(mixed: Mixed, lab: Lab) -> None:
    texts = {"alone": PLAIN, "together": MIXED.replace("WIDE", str(mixed.wide))}
    graphs = {n: load_study(lab.sweep(t, f"{n}.yaml"), lab.data).graph for n, t in texts.items()}
    [alone], [together] = (graph.cells for graph in graphs.values())
    assert alone.rounds[0] == together.rounds[0] == together.models["floor"]
    assert not set(alone.rounds[1:]) & set(together.rounds[1:])
    bags = [
        {stage.key for stage in graph.stages.values() if stage.kind == "bag"}
        for graph in graphs.values()
    ]
    assert len(bags[0] & bags[1]) == 2  # the first and the third


def test_another_tokenizer_is_told_before_anything_runs(lab: Lab, user: User) -> None:
    foreign = other_model(lab, "foreign", hidden=32, letters="hgfedcba")
    sweep = lab.sweep(MIXED.replace("WIDE", str(foreign)), "foreign.yaml")
    said = one_message(user.here("validate", sweep))
    assert "experts.mix[0]" in said
    assert "its tokenizer is another" in said


def test_a_round_with_another_tokenizer_does_not_start(lab: Lab, tmp_path: Path) -> None:
    """A model that only the worker can reach is looked at there."""
    foreign = other_model(lab, "foreign", hidden=32, letters="hgfedcba")
    sweep = lab.sweep(MIXED.replace("WIDE", str(foreign)), "foreign.yaml")
    graph, store = load_study(sweep, lab.data, draw=False).graph, open_store(str(tmp_path / "s"))
    [cell] = graph.cells
    before = cell.stages[: cell.stages.index(cell.rounds[1]) + 1]
    needed = [k for k in before if graph.stages[k].kind in ("data", "pretrain", "round")]
    done = [
        run_stage(graph.stages[key], store.url, Runtime(data_root=str(lab.data))) for key in needed
    ]
    assert "this round's model can't join the ensemble: its tokenizer is another" in str(done[-1])
