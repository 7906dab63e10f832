"""`generate` of the ensemble against decoding by hand, without a cache or a batch."""

from typing import get_args

import pytest
import torch
from method_models import EOS, PAD, VOCABULARY, MakeExpert
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

from ensemble_core import TokenEnsembleForCausalLM
from ensemble_core.combining import combine
from ensemble_core.settings import FixedCombiner

ALPHAS = [1.0, 2.0, 0.5]
NEW = 12


def next_log_probs(
    experts: list[PreTrainedModel], alphas: list[float], rule: FixedCombiner, ids: list[int]
) -> Tensor:
    """The combined next-token distribution after one unpadded prefix, read from scratch."""
    prefix = torch.tensor([ids])
    rows = [e(prefix, use_cache=False).logits[0, -1].log_softmax(-1) for e in experts]
    return combine(torch.stack(rows), alphas, rule)


@torch.no_grad()
def decode_by_hand(
    experts: list[PreTrainedModel], alphas: list[float], rule: FixedCombiner, prompt: list[int]
) -> list[int]:
    ids = list(prompt)
    while len(ids) < len(prompt) + NEW and (ids == prompt or ids[-1] != EOS):
        ids.append(int(next_log_probs(experts, alphas, rule, ids).argmax()))
    return ids[len(prompt) :]


def answers(generated: Tensor, prompt_length: int) -> list[list[int]]:
    """What `generate` wrote for each row, without the padding after the end."""
    rows = generated[:, prompt_length:].tolist()
    return [row[: row.index(EOS) + 1] if EOS in row else row for row in rows]


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("rule", get_args(FixedCombiner))
def test_greedy_on_a_left_padded_batch(
    experts: list[PreTrainedModel],
    prompts: list[list[int]],
    left_padded: dict[str, Tensor],
    rule: FixedCombiner,
    use_cache: bool,
):
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS, rule)
    generated = ensemble.generate(
        **left_padded, max_new_tokens=NEW, do_sample=False, use_cache=use_cache
    )
    expected = [decode_by_hand(experts, ALPHAS, rule, prompt) for prompt in prompts]
    assert answers(generated, left_padded["input_ids"].shape[1]) == expected


def test_left_padding_with_absolute_positions(
    experts: list[PreTrainedModel], prompts: list[list[int]], left_padded: dict[str, Tensor]
):
    """GPT-2 adds a vector per position, so a row that is shifted by its padding would differ."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=32,
        n_layer=1,
        n_head=2,
        n_positions=64,
        initializer_range=0.5,
        bos_token_id=0,
        eos_token_id=EOS,
    )
    members = [GPT2LMHeadModel(config).eval(), experts[0]]
    ensemble = TokenEnsembleForCausalLM.from_experts(members, [2.0, 1.0])
    generated = ensemble.generate(**left_padded, max_new_tokens=NEW, do_sample=False)
    expected = [decode_by_hand(members, [2.0, 1.0], "mean", prompt) for prompt in prompts]
    assert answers(generated, left_padded["input_ids"].shape[1]) == expected


def test_rows_that_end_are_padded_while_others_go_on(
    experts: list[PreTrainedModel], prompts: list[list[int]], left_padded: dict[str, Tensor]
):
    """Any token of a real answer can serve as the end: here, one row's third."""
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS)
    whole = [decode_by_hand(experts, ALPHAS, "mean", prompt) for prompt in prompts]
    stop = whole[0][2]
    generated = ensemble.generate(
        **left_padded, max_new_tokens=NEW, do_sample=False, eos_token_id=stop
    )
    for row, answer in zip(generated[:, 9:].tolist(), whole, strict=True):
        cut = answer[: answer.index(stop) + 1] if stop in answer else answer
        assert row == cut + [PAD] * (len(row) - len(cut))


def test_one_expert_writes_what_it_writes_alone(
    make_expert: MakeExpert, left_padded: dict[str, Tensor]
):
    expert = make_expert(7)
    ensemble = TokenEnsembleForCausalLM.from_experts([expert], [0.3])
    for options in ({"do_sample": False}, {"num_beams": 3}, {"do_sample": True, "top_p": 0.9}):
        torch.manual_seed(0)
        alone = expert.generate(**left_padded, max_new_tokens=NEW, **options)
        torch.manual_seed(0)
        wrapped = ensemble.generate(**left_padded, max_new_tokens=NEW, **options)
        assert torch.equal(alone, wrapped)


@torch.no_grad()
def test_beam_search_against_a_search_by_hand(
    experts: list[PreTrainedModel], prompts: list[list[int]]
):
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS)
    beams: list[tuple[float, list[int]]] = [(0.0, prompts[1])]
    for _ in range(5):
        grown: list[tuple[float, list[int]]] = []
        for score, ids in beams:
            top = next_log_probs(experts, ALPHAS, "mean", ids).topk(3)
            grown += [
                (score + float(value), [*ids, int(token)])
                for value, token in zip(top.values, top.indices, strict=True)
            ]
        beams = sorted(grown, reverse=True)[:3]
    found = ensemble.generate(
        torch.tensor([prompts[1]]),
        max_new_tokens=5,
        num_beams=3,
        num_return_sequences=3,
        do_sample=False,
        eos_token_id=None,
        return_dict_in_generate=True,
        output_scores=True,
    )
    assert found.sequences.tolist() == [ids for _, ids in beams]
    scores = torch.tensor([score / 5 for score, _ in beams])  # generate divides by the length
    torch.testing.assert_close(found.sequences_scores, scores, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_sampling_draws_from_the_combined_distribution(
    experts: list[PreTrainedModel], prompts: list[list[int]]
):
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS)
    draws = 4000
    torch.manual_seed(0)
    drawn = ensemble.generate(
        torch.tensor([prompts[0]]),
        max_new_tokens=1,
        do_sample=True,
        top_k=0,
        num_return_sequences=draws,
    )[:, -1]
    expected = next_log_probs(experts, ALPHAS, "mean", prompts[0]).exp()
    frequency = torch.bincount(drawn, minlength=len(expected)) / draws
    deviation = (expected * (1 - expected) / draws).sqrt()
    assert ((frequency - expected).abs() < 5 * deviation + 1 / draws).all()


def test_sampling_repeats_under_a_seed(
    experts: list[PreTrainedModel], left_padded: dict[str, Tensor]
):
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS)
    runs: list[Tensor] = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        runs.append(ensemble.generate(**left_padded, max_new_tokens=NEW, do_sample=True))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


class Collector:
    """A streamer: gets the prompt first, then each token as it is picked."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.calls = 0
        self.ended = False

    def put(self, value: Tensor) -> None:
        self.calls += 1
        self.tokens += value.flatten().tolist()

    def end(self) -> None:
        self.ended = True


def test_streaming_gives_each_token_as_it_is_picked(
    experts: list[PreTrainedModel], prompts: list[list[int]]
):
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS)
    streamer = Collector()
    generated = ensemble.generate(
        torch.tensor([prompts[1]]),
        max_new_tokens=6,
        do_sample=False,
        eos_token_id=None,
        streamer=streamer,
    )
    assert streamer.ended
    assert streamer.calls == 1 + 6
    assert streamer.tokens == generated[0].tolist()


def test_assisted_decoding_writes_the_same(
    experts: list[PreTrainedModel], prompts: list[list[int]]
):
    """A small expert drafts, the ensemble checks; its cache is cropped where the draft fails."""
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS)
    prompt = torch.tensor([prompts[1]])
    plain = ensemble.generate(prompt, max_new_tokens=NEW, do_sample=False)
    assisted = ensemble.generate(
        prompt, max_new_tokens=NEW, do_sample=False, assistant_model=experts[0]
    )
    assert torch.equal(plain, assisted)


def test_each_step_costs_one_cached_decode_per_expert(
    experts: list[PreTrainedModel], prompts: list[list[int]]
):
    ensemble = TokenEnsembleForCausalLM.from_experts(experts, ALPHAS)
    seen: list[int] = []
    hooks = [
        expert.gpt_neox.embed_in.register_forward_hook(
            lambda _module, inputs, _output: seen.append(inputs[0].shape[1])
        )
        for expert in experts
    ]
    ensemble.generate(
        torch.tensor([prompts[1]]), max_new_tokens=5, do_sample=False, eos_token_id=None
    )
    for hook in hooks:
        hook.remove()
    assert seen == [len(prompts[1])] * 3 + [1] * 3 * 4
