"""Votes along a true answer, against one plain forward pass of each expert."""

import pytest
import torch
from tiny_models import make_model

from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.errors import StageError
from ensemble_core.models.class_head import add_class_head
from ensemble_core.tasks.question import Question
from ensemble_core.votes import question_votes

ALPHAS = (0.5, 1.5)
QUESTION = Question("3+4=", " 7", (" 7", " 8"))


@pytest.fixture
def experts():
    return [make_model(seed=1, initializer_range=0.3), make_model(seed=2, initializer_range=0.3)]


def test_each_expert_and_their_mean_vote_at_every_place(tokenizer, experts) -> None:
    ids = tokenizer("3+4= 7")["input_ids"] + [tokenizer.eos_token_id]
    with torch.inference_mode():
        probs = [expert(torch.tensor([ids])).logits[0, 3:-1].softmax(-1) for expert in experts]
    probs.append((ALPHAS[0] * probs[0] + ALPHAS[1] * probs[1]) / sum(ALPHAS))
    told = question_votes(
        TokenEnsembleForCausalLM.from_experts(experts, ALPHAS), tokenizer, QUESTION
    )
    assert [(vote.position, vote.expert) for vote in told] == [
        (place, voter) for place in range(3) for voter in (1, 2, None)
    ]
    for vote in told:
        expected = probs[2 if vote.expert is None else vote.expert - 1][vote.position]
        truth = ids[4 + vote.position]
        assert vote.truth == tokenizer.decode([truth])
        assert vote.token == tokenizer.decode([int(expected.argmax())])
        assert vote.probability == pytest.approx(float(expected.max()), rel=1e-4)
        assert vote.truth_probability == pytest.approx(float(expected[truth]), rel=1e-4)
        assert vote.right == (int(expected.argmax()) == truth)


def test_a_single_model_is_its_only_expert(tokenizer, experts) -> None:
    first, together = question_votes(experts[0], tokenizer, QUESTION)[:2]
    assert (first.expert, together.expert) == (1, None)
    assert (first.token, first.probability) == (together.token, together.probability)


def test_classifiers_vote_once_and_by_the_class_name(tokenizer, experts) -> None:
    heads = [add_class_head(expert, 2, seed) for seed, expert in enumerate(experts)]
    ensemble = TokenEnsembleForCausalLM.from_experts(heads, ALPHAS)
    told = question_votes(ensemble, tokenizer, QUESTION)
    prompt = torch.tensor([tokenizer("3+4=")["input_ids"]])
    for vote, head in zip(told, heads, strict=False):
        expected = head(prompt).logits[0, -1].softmax(-1).detach()
        assert vote.truth == " 7"
        assert vote.token == (" 7", " 8")[int(expected.argmax())]
        assert vote.truth_probability == pytest.approx(float(expected[0]), rel=1e-4)
    assert [vote.expert for vote in told] == [1, 2, None]


def test_an_answer_that_does_not_fit_is_told(tokenizer, experts) -> None:
    with pytest.raises(StageError, match="at most 31 fit"):
        question_votes(experts[0], tokenizer, Question("3+4=", "7" * 40))
