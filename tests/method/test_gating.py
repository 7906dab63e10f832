"""The learned combiner: starts as `mean`, learns whom to trust, is saved with the ensemble."""

import math
from pathlib import Path

import pytest
import torch
from method_models import VOCABULARY, make_tiny_expert
from torch import Tensor
from transformers import AutoModelForCausalLM

from ensemble_core.combining import mean
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.errors import InputError
from ensemble_core.gating import FEATURES, MIN_QUESTIONS, Gate, features, fit_gate

WEIGHTS = torch.tensor([0.5, 0.3, 0.2])


def log_probs(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(*shape, generator=generator)).log_softmax(-1)


def bold_gate() -> Gate:
    """A gate whose opinions are strong."""
    torch.manual_seed(0)
    gate = Gate()
    torch.nn.init.normal_(gate.score.weight, std=2.0)
    return gate.requires_grad_(False)


def test_an_untrained_gate_is_the_mean() -> None:
    given = log_probs(3, 4, 9)
    torch.testing.assert_close(Gate()(given, WEIGHTS), mean(given, WEIGHTS))


def test_the_features_are_what_they_are_called() -> None:
    given = log_probs(3, 5, 9)
    seen = features(given, WEIGHTS)
    assert seen.shape == (3, 5, len(FEATURES))
    mixture = (WEIGHTS[:, None, None] * given.exp()).sum(0)
    for expert in range(3):
        for place in range(5):
            p = given[expert, place].exp().tolist()
            m = mixture[place].tolist()
            first, second = sorted(p)[-1], sorted(p)[-2]
            expected = [
                -sum(x * math.log(x) for x in p) / math.log(9),
                first,
                first - second,
                sum(x * math.log(x / y) for x, y in zip(p, m, strict=True)),
                float(p.index(first) == m.index(max(m))),
            ]
            torch.testing.assert_close(seen[expert, place], torch.tensor(expected))


def test_the_result_is_a_distribution_and_blind_to_the_experts_order() -> None:
    gate, given = bold_gate(), log_probs(3, 4, 9)
    combined = gate(given, WEIGHTS)
    torch.testing.assert_close(combined.exp().sum(-1), torch.ones(4))
    assert not torch.allclose(combined, mean(given, WEIGHTS), atol=1e-3)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(gate(given[order], WEIGHTS[order]), combined)


def two_experts(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probs [2, n, 6], truth [n], question [n]: whoever is sure is right, the other guesses."""
    generator = torch.Generator().manual_seed(1)
    truth = torch.randint(6, (n,), generator=generator)
    sure = torch.randint(2, (n,), generator=generator)
    logits = torch.randn(2, n, 6, generator=generator)
    logits[sure, torch.arange(n), truth] += 6.0
    return logits.log_softmax(-1), truth, torch.arange(n) // 3


def test_a_gate_learns_to_trust_who_is_sure_and_it_carries_over() -> None:
    given, truth, question = two_experts(600)
    even = torch.tensor([0.5, 0.5])
    at_truth = given.gather(-1, truth.expand(2, -1).unsqueeze(-1)).squeeze(-1)
    fit = fit_gate(features(given, even), at_truth, question, even, seed=0)
    assert fit.after < fit.before - 0.1
    assert fit.steps > 0
    assert fit.tokens == 600
    fresh, wanted, _ = two_experts(900)
    held = slice(600, 900)
    with torch.no_grad():
        gated, plain = fit.gate(fresh[:, held], even), mean(fresh[:, held], even)
    picked = wanted[held, None]
    assert -gated.gather(1, picked).mean() < -plain.gather(1, picked).mean() - 0.1


def test_a_gate_with_nothing_to_learn_stays_the_mean() -> None:
    given = log_probs(1, 400, 6).expand(3, -1, -1)  # three times the same expert
    fit = fit_gate(features(given, WEIGHTS), given[..., 0], torch.arange(400), WEIGHTS, seed=0)
    assert fit.after == pytest.approx(fit.before)
    torch.testing.assert_close(fit.gate(given, WEIGHTS).detach(), given[0])


def test_the_same_seed_trains_the_same_gate() -> None:
    given, truth, question = two_experts(300)
    even = torch.tensor([0.5, 0.5])
    at_truth = given.gather(-1, truth.expand(2, -1).unsqueeze(-1)).squeeze(-1)
    arguments = features(given, even), at_truth, question, even
    first, second = (fit_gate(*arguments, seed=4).gate.state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_too_few_validation_questions_are_refused() -> None:
    given, truth, _ = two_experts(300)
    even = torch.tensor([0.5, 0.5])
    at_truth = given.gather(-1, truth.expand(2, -1).unsqueeze(-1)).squeeze(-1)
    question = torch.arange(300) % (MIN_QUESTIONS - 1)
    with pytest.raises(ValueError, match=f"{MIN_QUESTIONS} validation questions, not 49"):
        fit_gate(features(given, even), at_truth, question, even, seed=0)


def test_an_ensemble_carries_its_gate(tmp_path: Path) -> None:
    experts = [make_tiny_expert(seed) for seed in (1, 2, 3)]
    gate = bold_gate()
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, [0.5, 0.3, 0.2], "gate", gate)
    tokens = torch.randint(3, VOCABULARY, (2, 7))
    with torch.no_grad():
        each = torch.stack([e(tokens).logits.log_softmax(-1) for e in experts])
        torch.testing.assert_close(ensemble(tokens).logits, gate(each, WEIGHTS))
        ensemble.save_pretrained(tmp_path)
        loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
        torch.testing.assert_close(loaded(tokens).logits, ensemble(tokens).logits)
        cached = loaded.generate(tokens[:1], max_new_tokens=5, do_sample=False)
        whole = loaded.generate(tokens[:1], max_new_tokens=5, do_sample=False, use_cache=False)
        assert torch.equal(cached, whole)
        half = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
        assert half(tokens).logits.isfinite().all()


def test_gate_and_combiner_go_together() -> None:
    experts = [make_tiny_expert(1)]
    with pytest.raises(InputError, match="trained gate"):
        TokenEnsembleForCausalLM.from_experts(experts, [1.0], "gate")
    with pytest.raises(InputError, match="trained gate"):
        TokenEnsembleForCausalLM.from_experts(experts, [1.0], "mean", Gate())
