import numpy as np
import pytest
import torch
from tiny_models import CONTEXT, make_model

from ensemble_core.batching import answer_logits, collate
from ensemble_core.decoding import greedy
from ensemble_core.encoding import TokenDataset, encode_all
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.errors import CancelledError, DivergedError
from ensemble_core.scoring import score_tokens, token_errors, tokens_read
from ensemble_core.tasks.question import Question


@pytest.fixture(params=["single", "ensemble"])
def scorer(request):
    if request.param == "single":
        return make_model(3)
    return TokenEnsembleForCausalLM.from_experts([make_model(3), make_model(4)], [1.0, 0.5])


@torch.no_grad()
def one_by_one(model, data):
    """[N, V] log-probabilities: each example alone, no padding, the whole output head."""
    rows = []
    for example in data.examples:
        logits = model(input_ids=torch.tensor([example.input_ids])).logits[0].log_softmax(-1)
        rows.append(logits[example.prompt_length - 1 : -1])
    return torch.cat(rows)


def shared_prompt_data(tokenizer, questions):
    pairs = [(q, choice) for q in questions for choice in q.choices]
    owners, answers = zip(*pairs, strict=True)
    return TokenDataset(encode_all(tokenizer, owners, max_length=CONTEXT, answers=answers))


def test_batched_logits_equal_one_by_one(scorer, data):
    rows = np.array([5, 0, 17, 3])
    batch = collate(data, rows)
    expected = one_by_one(scorer, TokenDataset([data.examples[row] for row in rows]))
    with torch.no_grad():
        got = answer_logits(scorer, batch).log_softmax(-1)
    torch.testing.assert_close(got, expected, atol=2e-5, rtol=1e-4)
    np.testing.assert_array_equal(data.answer_tokens[batch.token_index], batch.targets)


def test_padding_has_no_influence(model, data):
    rows = np.arange(8)
    with torch.no_grad():
        first, second = (answer_logits(model, collate(data, rows, pad=pad)) for pad in (0, 40))
    assert torch.equal(first, second)


@pytest.mark.parametrize("prompts", ["own", "shared"])
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_scores_equal_a_loop(scorer, tokenizer, questions, data, prompts, batch_size):
    scored = data if prompts == "own" else shared_prompt_data(tokenizer, questions)
    expected = one_by_one(scorer, scored)
    scores = score_tokens(scorer, scored, batch_size=batch_size)
    truth = torch.from_numpy(scored.answer_tokens)[:, None]
    best = expected.max(dim=-1)
    np.testing.assert_allclose(scores.log_probs, expected.gather(1, truth)[:, 0], atol=2e-5)
    np.testing.assert_allclose(scores.confidences, best.values.exp(), atol=2e-5)
    np.testing.assert_array_equal(scores.predicted, best.indices)


def test_examples_that_fill_an_absolute_models_context_are_scored(tokenizer):
    """Padding after the shorter answers must not ask for positions beyond the table."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": CONTEXT, "vocab_size": 98}
    gpt2 = GPT2LMHeadModel(GPT2Config(**sizes)).eval()
    long, short = Question("1" * (CONTEXT - 3), "2", ("2", "34")), Question("1" * 20, "56789012345")
    owners = [long, long, short, short]
    answers = ["2", "34", "56789012345", "5"]
    shared = TokenDataset(encode_all(tokenizer, owners, max_length=CONTEXT, answers=answers))
    truth = torch.from_numpy(shared.answer_tokens)[:, None]
    expected = one_by_one(gpt2, shared).gather(1, truth)[:, 0]
    np.testing.assert_allclose(score_tokens(gpt2, shared).log_probs, expected, atol=2e-5)


def test_predictions_that_are_no_numbers_are_refused(data):
    broken = make_model(3)
    with torch.no_grad():
        broken.get_output_embeddings().weight[5] = float("nan")
    with pytest.raises(DivergedError, match="not finite"):
        score_tokens(broken, data)
    with pytest.raises(DivergedError, match="not finite"):
        greedy(broken, [[1, 2]], 3, eos=1)


def test_shared_prompts_are_read_once(tokenizer, questions, data):
    shared = shared_prompt_data(tokenizer, questions)
    prompts = {e.prompt_ids for e in shared.examples}
    assert tokens_read(shared) == shared.n_answer_tokens + sum(map(len, prompts))
    assert tokens_read(TokenDataset(data.examples[:3])) == data.lengths[:3].sum()


def test_token_errors_are_in_data_order(model, data):
    wrong = token_errors(model, data, batch_size=5)
    expected = one_by_one(model, data).argmax(-1).numpy() != data.answer_tokens
    assert wrong.dtype == bool
    np.testing.assert_array_equal(wrong, expected)


def test_the_models_mode_is_put_back_and_a_stop_is_obeyed(model, data):
    model.train()
    with pytest.raises(CancelledError):
        score_tokens(model, data, batch_size=8, should_stop=lambda: True)
    assert model.training
