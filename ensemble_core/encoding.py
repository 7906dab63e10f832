"""From questions to token sequences: prompt and answer tokenised together, split at the prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble_core.errors import InputError, StageError
from ensemble_core.tasks.question import Question

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Encoded:
    """One token sequence whose first `prompt_length` tokens are the prompt, the rest the answer."""

    input_ids: tuple[int, ...]
    prompt_length: int

    @property
    def prompt_ids(self) -> tuple[int, ...]:
        """The tokens that are given."""
        return self.input_ids[: self.prompt_length]

    @property
    def answer_ids(self) -> tuple[int, ...]:
        """The tokens that are predicted, end of sequence included."""
        return self.input_ids[self.prompt_length :]


class TokenDataset:
    """Examples as flat arrays, made once, so that a batch is a few array operations.

    N is the number of answer tokens over all examples; arrays of length N keep data order.

    Raises:
        StageError: There are no examples, or one has no prompt or no answer token.
    """

    def __init__(self, examples: Sequence[Encoded]) -> None:
        if not examples:
            raise StageError("there are no examples", hint="the data set is empty")
        self.lengths: Ints = np.array([len(e.input_ids) for e in examples], dtype=np.int64)
        self.prompt_lengths: Ints = np.array([e.prompt_length for e in examples], dtype=np.int64)
        bad = np.flatnonzero((self.prompt_lengths < 1) | (self.prompt_lengths >= self.lengths))
        if bad.size:
            raise StageError(
                "an example needs at least one prompt token and one answer token",
                where=f"example {bad[0]}",
            )
        self.examples = tuple(examples)
        self.starts: Ints = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self.tokens: Ints = np.fromiter(
            (t for e in examples for t in e.input_ids), np.int64, count=int(self.lengths.sum())
        )

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def n_answer_tokens(self) -> int:
        """N."""
        return int(self.answer_lengths.sum())

    @cached_property
    def answer_lengths(self) -> Ints:
        """Answer tokens of each example."""
        return self.lengths - self.prompt_lengths

    @cached_property
    def answer_starts(self) -> Ints:
        """Index among the N answer tokens at which each example begins."""
        return np.concatenate([[0], np.cumsum(self.answer_lengths)[:-1]])

    @cached_property
    def answer_tokens(self) -> Ints:
        """The N answer tokens."""
        begins = self.starts + self.prompt_lengths
        return self.tokens[np.repeat(begins, self.answer_lengths) + self.position]

    @cached_property
    def example(self) -> Ints:
        """For each of the N answer tokens, which example it belongs to."""
        return np.repeat(np.arange(len(self)), self.answer_lengths)

    @cached_property
    def position(self) -> Ints:
        """For each of the N answer tokens, its place in its answer, from 0."""
        return np.arange(self.n_answer_tokens) - np.repeat(self.answer_starts, self.answer_lengths)


def encode(
    tokenizer: Any, question: Question, *, max_length: int, answer: str | None = None
) -> Encoded:
    """Tokenise one question and `answer` (default: its true answer), and append end of sequence.

    Prompt and answer are tokenised together and split at the prompt's own number of tokens, as
    lm-evaluation-harness does; spaces at the prompt's end count to the answer. Where a token would
    cross that border the answer is tokenised alone instead, so that every answer follows the very
    prompt that decoding reads. A prompt that is too long loses its beginning.

    Raises:
        InputError: The tokenizer has no end-of-sequence token.
        StageError: The answer leaves no room for a prompt token in `max_length`.
    """
    answers = [question.answer if answer is None else answer]
    return encode_all(tokenizer, [question], max_length=max_length, answers=answers)[0]


def encode_all(
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    max_length: int,
    answers: Sequence[str] | None = None,
    ended: Sequence[bool] | None = None,
) -> list[Encoded]:
    """Tokenise many questions at once; `answers[i]` goes with `questions[i]`. See `encode`.

    An answer that has not `ended` (default: all have) was cut, and gets no end of sequence.
    """
    eos = end_of_sequence(tokenizer)
    if not questions:
        return []
    texts = [q.answer for q in questions] if answers is None else list(answers)
    pairs = [(*split_prompt(q.prompt), text) for q, text in zip(questions, texts, strict=True)]
    prompts = _token_ids(tokenizer, [bare for bare, _, _ in pairs])
    wholes = _token_ids(tokenizer, ["".join(parts) for parts in pairs])
    prefix, start = _prefix(tokenizer), _start(tokenizer)
    ends = [True] * len(pairs) if ended is None else ended
    encoded: list[Encoded] = []
    rows = zip(questions, pairs, prompts, wholes, ends, strict=True)
    for question, parts, prompt, whole, is_end in rows:
        split, text = len(prompt), parts[1] + parts[2]
        if text and whole[:split] != prompt:
            whole = prompt + _following(tokenizer, text)
        given = _given(prompt, prefix, start)
        answer = whole[split:]
        encoded.append(_fit(given, [*answer, eos] if is_end or not answer else answer,
                            max_length, question))  # fmt: skip
    return encoded


def encode_prompts(
    tokenizer: Any, questions: Sequence[Question], *, max_length: int
) -> list[list[int]]:
    """Tokenise the prompts alone, as `encode` splits them; too long ones lose their beginning."""
    prefix, start = _prefix(tokenizer), _start(tokenizer)
    bare = [split_prompt(q.prompt)[0] for q in questions]
    ids = _token_ids(tokenizer, bare) if bare else []
    return [_given(tokens, prefix, start)[-max_length:] for tokens in ids]


def split_prompt(prompt: str) -> tuple[str, str]:
    """The prompt without whitespace at its end, and that whitespace, which the answer gets."""
    bare = prompt.rstrip()
    return bare, prompt[len(bare) :]


def end_of_sequence(tokenizer: Any) -> int:
    """The id of the end-of-sequence token.

    Raises:
        InputError: The tokenizer has none.
    """
    eos = tokenizer.eos_token_id
    if eos is None:
        raise InputError(
            "the tokenizer has no end-of-sequence token",
            where=str(getattr(tokenizer, "name_or_path", "")) or "tokenizer",
            hint="set eos_token in its configuration; answers could not end without it",
        )
    return int(eos)


def _fit(prompt: list[int], answer: list[int], max_length: int, question: Question) -> Encoded:
    room = max_length - len(answer)
    if room < 1:
        raise StageError(
            f"the answer has {len(answer)} tokens with its end of sequence; "
            f"at most {max_length - 1} fit a context of {max_length}",
            where=f"question {question.id}",
            hint="shorten the answer, raise max_length, or take a model with a longer context",
        )
    kept = prompt[-room:]
    return Encoded((*kept, *answer), len(kept))


def _token_ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    return tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]


def _following(tokenizer: Any, text: str) -> list[int]:
    """A text's tokens after another: without the space that some tokenizers put before all."""
    first, both, alone = _token_ids(tokenizer, ["\n", "\n" + text, text])
    return both[len(first) :] if both[: len(first)] == first else alone


def _given(prompt: list[int], prefix: list[int], start: int) -> list[int]:
    """What precedes the first answer token, as in lm-evaluation-harness: something always does.

    A prompt that says its own beginning of sequence gets no second one.
    """
    return (prompt if prompt[:1] == prefix else prefix + prompt) or [start]


def _start(tokenizer: Any) -> int:
    """The token that an empty prompt is read as: beginning of sequence, else its end."""
    eos = end_of_sequence(tokenizer)
    return eos if tokenizer.bos_token_id is None else int(tokenizer.bos_token_id)


def _prefix(tokenizer: Any) -> list[int]:
    """A beginning-of-sequence token, where the tokenizer puts one by itself."""
    bos: int | None = tokenizer.bos_token_id
    if bos is None or tokenizer("a", verbose=False)["input_ids"][:1] != [bos]:
        return []
    return [bos]
