import numpy as np
import pytest
from tiny_models import CONTEXT, make_questions, make_tokenizer

from ensemble_core.encoding import Encoded, TokenDataset, encode, encode_all, encode_prompts
from ensemble_core.errors import InputError, StageError
from ensemble_core.tasks.question import Question


def test_prompt_and_answer_with_end_of_sequence(tokenizer):
    encoded = encode(tokenizer, Question("1+1=", " 2"), max_length=CONTEXT)
    assert tokenizer.decode(list(encoded.prompt_ids)) == "1+1="
    assert tokenizer.decode(list(encoded.answer_ids)) == " 2<eos>"
    assert encoded.input_ids == encoded.prompt_ids + encoded.answer_ids


def test_whitespace_at_the_end_of_the_prompt_counts_to_the_answer(tokenizer):
    encoded = encode(tokenizer, Question("1+1=\n ", "2"), max_length=CONTEXT)
    assert tokenizer.decode(list(encoded.prompt_ids)) == "1+1="
    assert encode_prompts(tokenizer, [Question("1+1=\n ", "2")], max_length=CONTEXT) == [
        list(encoded.prompt_ids)
    ]


def test_given_answer_replaces_the_true_one(tokenizer):
    encoded = encode(tokenizer, Question("1+1=", " 2"), max_length=CONTEXT, answer=" 3")
    assert tokenizer.decode(list(encoded.answer_ids)) == " 3<eos>"


def test_empty_answer_is_an_end_of_sequence_alone(tokenizer):
    encoded = encode(tokenizer, Question("1+1=", " 2"), max_length=CONTEXT, answer="")
    assert encoded.answer_ids == (tokenizer.eos_token_id,)


def test_empty_prompt_gets_something_to_predict_from(tokenizer):
    encoded = encode(tokenizer, Question("", "2"), max_length=CONTEXT)
    assert encoded.prompt_ids == (tokenizer.eos_token_id,)


def test_long_prompt_loses_its_beginning(tokenizer):
    encoded = encode(tokenizer, Question("abcdefghij", " 2"), max_length=8)
    assert tokenizer.decode(list(encoded.prompt_ids)) == "fghij"
    assert len(encoded.input_ids) == 8


def test_answer_longer_than_the_context_names_the_question(tokenizer):
    question = Question("1+1=", " 22222")
    with pytest.raises(StageError, match="7 tokens") as error:
        encode(tokenizer, question, max_length=7)
    assert question.id in str(error.value)
    assert len(encode(tokenizer, question, max_length=8).prompt_ids) == 1


def test_tokenizer_without_end_of_sequence():
    with pytest.raises(InputError, match="no end-of-sequence token"):
        encode(make_tokenizer(eos=None), Question("1+1=", " 2"), max_length=CONTEXT)


def test_a_merge_over_the_border_is_not_made():
    """Else the prompt would hold a part of the answer, and each choice would have its own."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<eos>": 0, "a": 1, "b": 2, "c": 3, "bc": 4}
    bpe = Tokenizer(models.BPE(vocab=vocabulary, merges=[("b", "c")]))
    bpe.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<eos>")
    crossing = encode(tokenizer, Question("ab", "ca"), max_length=9)  # together: a, bc, a
    assert crossing == Encoded((1, 2, 3, 1, 0), 2)
    swallowed = encode(tokenizer, Question("ab", "c"), max_length=9)  # together: a, bc
    assert swallowed == Encoded((1, 2, 3, 0), 2)
    assert encode_prompts(tokenizer, [Question("ab", "c")], max_length=9) == [[1, 2]]


def test_no_space_gets_between_a_prompt_and_an_answer_that_follows_at_once():
    """Llama's tokenizer puts a space before all that it reads; an answer alone is no such start."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<eos>": 0, "a": 1, "b": 2, "c": 3, "bc": 4, "▁": 5}
    bpe = Tokenizer(models.BPE(vocab=vocabulary, merges=[("b", "c")]))
    bpe.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<eos>")
    crossing = encode(tokenizer, Question("ab", "ca"), max_length=9)  # together: ▁, a, bc, a
    assert crossing == Encoded((5, 1, 2, 3, 1, 0), 3)


def test_an_empty_prompt_is_read_as_the_beginning_of_a_sequence():
    """As lm-evaluation-harness, also where the tokenizer does not put that token by itself."""
    tokenizer = make_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "<unk>"})
    empty = Question("", "2")
    encoded = encode(tokenizer, empty, max_length=CONTEXT)
    assert encoded.prompt_ids == (tokenizer.bos_token_id,)
    assert encode_prompts(tokenizer, [empty], max_length=CONTEXT) == [[tokenizer.bos_token_id]]


def test_a_prompt_that_says_its_beginning_of_sequence_gets_no_second_one():
    from tokenizers.processors import TemplateProcessing

    tokenizer = make_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "<unk>"})
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<unk> $A", special_tokens=[("<unk>", tokenizer.bos_token_id)]
    )
    said, plain = Question("<unk>1+1=", " 2"), Question("1+1=", " 2")
    assert encode(tokenizer, said, max_length=CONTEXT) == encode(
        tokenizer, plain, max_length=CONTEXT
    )


def test_the_tokenizers_own_beginning_of_sequence_is_kept():
    from tokenizers.processors import TemplateProcessing

    tokenizer = make_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "<unk>"})
    plain = encode(tokenizer, Question("1+1=", " 2"), max_length=CONTEXT)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<unk> $A", special_tokens=[("<unk>", tokenizer.bos_token_id)]
    )
    with_bos = encode(tokenizer, Question("1+1=", " 2"), max_length=CONTEXT)
    assert with_bos.input_ids == (tokenizer.bos_token_id, *plain.input_ids)
    assert with_bos.prompt_length == plain.prompt_length + 1


def test_many_at_once_equal_one_by_one(tokenizer):
    questions = make_questions(10)
    answers = [f" {i}" for i in range(10)]
    assert encode_all(tokenizer, questions, max_length=CONTEXT, answers=answers) == [
        encode(tokenizer, q, max_length=CONTEXT, answer=a)
        for q, a in zip(questions, answers, strict=True)
    ]


def test_flat_arrays_follow_data_order(data):
    tokens = [t for e in data.examples for t in e.answer_ids]
    owners = [i for i, e in enumerate(data.examples) for _ in e.answer_ids]
    places = [p for e in data.examples for p in range(len(e.answer_ids))]
    assert data.n_answer_tokens == len(tokens)
    np.testing.assert_array_equal(data.answer_tokens, tokens)
    np.testing.assert_array_equal(data.example, owners)
    np.testing.assert_array_equal(data.position, places)


def test_empty_data_set():
    with pytest.raises(StageError, match="no examples"):
        TokenDataset([])


@pytest.mark.parametrize("prompt_length", [0, 3])
def test_example_without_prompt_or_answer(prompt_length):
    with pytest.raises(StageError, match="example 1"):
        TokenDataset([Encoded((1, 2), 1), Encoded((1, 2, 3), prompt_length)])
