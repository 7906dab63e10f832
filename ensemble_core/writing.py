"""Who writes a whole answer: the model token by token, or its experts, among whom it then picks.

The sequence-level ensemble is the baseline of combining token by token: it reranks whole answers,
and so never mixes two experts within one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ensemble_core.decoding import Decoded, decode
from ensemble_core.encoding import Encoded, TokenDataset, end_of_sequence
from ensemble_core.ensemble import TokenEnsembleForCausalLM
from ensemble_core.scoring import score_tokens, tokens_read
from ensemble_core.settings import SequenceScore
from ensemble_core.tasks.question import Question


@dataclass(frozen=True)
class Written:
    """Answers in the order of the questions, and what they cost."""

    answers: list[Decoded]
    tokens: int
    """Tokens that the whole model read or wrote; what one of its T experts did counts a T-th."""


class Writer(Protocol):
    """Answers questions with a model."""

    def __call__(
        self,
        model: Any,
        tokenizer: Any,
        questions: Sequence[Question],
        *,
        max_new_tokens: int,
        batch_size: int,
        max_length: int | None,
        should_stop: Callable[[], bool] | None,
    ) -> Written:
        """See `write_tokens`."""
        ...


def write_tokens(model: Any, tokenizer: Any, questions: Sequence[Question], **how: Any) -> Written:
    """Greedy decoding, see `decoding.decode`: an ensemble combines its experts at each token."""
    answers = decode(model, tokenizer, questions, **how)
    return Written(answers, sum(map(_size, answers)))


def write_sequences(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    max_new_tokens: int,
    score: SequenceScore = "mean",
    batch_size: int = 64,
    max_length: int | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Written:
    """For each question the likeliest, to the whole ensemble, of its experts' greedy answers.

    Costs T decodes by one expert, and T experts that read up to T answers each. A tie goes to the
    earlier expert.

    Args:
        model: The ensemble; one model alone writes by itself.
        tokenizer: Its tokenizer.
        questions: Their prompts are read.
        max_new_tokens: Longest answer in tokens, end of sequence included.
        score: What answers are compared by. The end of sequence counts where there is one.
        batch_size: Questions, then answers, per batch.
        max_length: Longest prompt and answer together; default: the model's context.
        should_stop: Asked before every batch.

    Raises:
        InputError, CancelledError, DivergedError: As `decoding.decode`.
    """
    how: dict[str, Any] = {"batch_size": batch_size, "should_stop": should_stop}
    limits = {"max_new_tokens": max_new_tokens, "max_length": max_length}
    if not isinstance(model, TokenEnsembleForCausalLM) or not questions:
        return write_tokens(model, tokenizer, questions, **limits, **how)
    experts = range(model.config.n_experts)
    by_expert = [
        decode(model.as_expert(index), tokenizer, questions, **limits, **how) for index in experts
    ]
    drafts = [_distinct(answers) for answers in zip(*by_expert, strict=True)]
    data = _as_data(drafts, end_of_sequence(tokenizer))
    scores = _scores(model, data, score, how)
    pieces = np.split(scores, np.cumsum([len(answers) for answers in drafts])[:-1])
    best = [int(piece.argmax()) for piece in pieces]
    sizes = [_size(answer) for answers in by_expert for answer in answers]
    tokens = round(sum(sizes) / len(experts)) + tokens_read(data)
    return Written([draft[index] for draft, index in zip(drafts, best, strict=True)], tokens)


def _distinct(answers: Sequence[Decoded]) -> list[Decoded]:
    """Each answer once, in the order of the experts."""
    found: dict[tuple[tuple[int, ...], bool], Decoded] = {}
    for answer in answers:
        found.setdefault((answer.token_ids, answer.ended), answer)
    return list(found.values())


def _as_data(drafts: Sequence[Sequence[Decoded]], eos: int) -> TokenDataset:
    """All drafts after their prompts; one that was cut has no end of sequence."""
    flat = [draft for answers in drafts for draft in answers]
    texts = [(*draft.token_ids, *([eos] if draft.ended else [])) for draft in flat]
    return TokenDataset(
        [
            Encoded((*draft.prompt_ids, *text), len(draft.prompt_ids))
            for draft, text in zip(flat, texts, strict=True)
        ]
    )


def _scores(
    model: Any, data: TokenDataset, score: SequenceScore, how: dict[str, Any]
) -> NDArray[np.float64]:
    """The ensemble's score of each draft, shape [n]."""
    log_probs = score_tokens(model, data, **how).log_probs.astype(np.float64)
    sums = np.add.reduceat(log_probs, data.answer_starts)
    return sums / data.answer_lengths if score == "mean" else sums


def _size(answer: Decoded) -> int:
    return len(answer.prompt_ids) + len(answer.token_ids)
