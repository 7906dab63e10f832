from collections import Counter

import pytest
import torch
from tiny_models import make_model, make_tokenizer

from ensemble_core.decoding import decode
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.errors import CancelledError, InputError
from ensemble_core.tasks.question import Question


@pytest.fixture(scope="module", params=["single", "ensemble"])
def writer(request):
    experts = [make_model(seed) for seed in (5, 6)]
    for expert in experts:
        with torch.no_grad():
            expert.lm_head.weight.mul_(8.0)
    if request.param == "single":
        return experts[0]
    return TokenEnsembleForCausalLM.from_experts(experts, [1.0, 2.0])


def common_token(answers):
    """One that about half of these untrained models' answers hold: as their end, lengths differ."""
    counts = Counter(token for answer in answers for token in set(answer.token_ids[2:]))
    return min(counts, key=lambda token: (abs(counts[token] - len(answers) / 2), token))


def generate_one(model, tokenizer, question, max_new_tokens):
    ids = tokenizer([question.prompt], return_tensors="pt", add_special_tokens=False).input_ids
    with torch.no_grad():
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_new_tokens,
            do_sample=False,
        )
    return out[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("batch_size", [1, 6, 40])
def test_equals_generate_one_by_one(writer, questions, batch_size):
    tokenizer = make_tokenizer()
    eos = common_token(decode(writer, tokenizer, questions, max_new_tokens=12))
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(eos)
    writer.generation_config.eos_token_id = eos
    decoded = decode(writer, tokenizer, questions, max_new_tokens=12, batch_size=batch_size)
    ended = 0
    for question, answer in zip(questions, decoded, strict=True):
        expected = generate_one(writer, tokenizer, question, 12)
        assert [*answer.token_ids, *([eos] if answer.ended else [])] == expected
        assert answer.ended == (expected[-1] == eos)
        assert tokenizer.decode(list(answer.prompt_ids)) == question.prompt
        ended += answer.ended
    assert 0.2 * len(questions) < ended < 0.9 * len(questions)


def test_text_follows_the_prompt(model, tokenizer):
    answer = decode(model, tokenizer, [Question("1+1=", " 2")], max_new_tokens=4)[0]
    assert answer.text == tokenizer.decode(list(answer.token_ids), skip_special_tokens=True)


def test_a_space_that_the_prompt_ends_with_is_not_repeated(model, tokenizer):
    """The model must write that space itself; the answer is what stands after the prompt."""
    space = tokenizer.convert_tokens_to_ids(" ")
    with torch.no_grad():
        model.gpt_neox.final_layer_norm.weight.zero_()
        model.gpt_neox.final_layer_norm.bias.copy_(model.lm_head.weight[space] * 1000)
    bare, spaced = decode(
        model, tokenizer, [Question("1+1=", " 2"), Question("1+1= ", "2")], max_new_tokens=3
    )
    assert (bare.text, spaced.text) == ("   ", "  ")


def test_answers_must_fit_the_context(model, tokenizer, questions):
    with pytest.raises(InputError, match="no room for a prompt"):
        decode(model, tokenizer, questions, max_new_tokens=32)


def test_long_prompt_loses_its_beginning(model, tokenizer):
    answer = decode(model, tokenizer, [Question("x" * 40 + "y", " 2")], max_new_tokens=12)[0]
    assert tokenizer.decode(list(answer.prompt_ids)) == "x" * 19 + "y"


def test_tokenizer_without_end_of_sequence(model, questions):
    with pytest.raises(InputError, match="end-of-sequence"):
        decode(model, make_tokenizer(eos=None), questions, max_new_tokens=4)


def test_no_questions(model, tokenizer):
    assert decode(model, tokenizer, [], max_new_tokens=4) == []


def test_stop(model, tokenizer, questions):
    with pytest.raises(CancelledError):
        decode(model, tokenizer, questions, max_new_tokens=4, should_stop=lambda: True)
