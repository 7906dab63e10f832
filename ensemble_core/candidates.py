"""Teacher-forced scores of each question's candidate answers: its choices, or its true answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble_core.encoding import TokenDataset, encode_all
from ensemble_core.scoring import TokenScores, score_tokens
from ensemble_core.tasks.question import Question


@dataclass(frozen=True)
class CandidateScores:
    """All candidates as one data set, those of a question side by side."""

    data: TokenDataset
    scores: TokenScores
    firsts: NDArray[np.int64]
    """The first candidate of each of Q questions, and the end, shape [Q + 1]."""

    def answer_tokens(self, question: int, candidate: int) -> slice:
        """The answer tokens, among all, of a question's candidate, counted from 0."""
        return self._tokens(int(self.firsts[question]) + candidate)

    def log_likelihoods(self, question: int) -> NDArray[np.float64] | None:
        """Summed log-probability of each choice in nats, without its end of sequence, shape [C].

        None where the true answer is the only candidate.
        """
        first, end = self.firsts[question : question + 2].tolist()
        if end - first < 2:
            return None
        pieces = [self.scores.log_probs[self._tokens(row)][:-1] for row in range(first, end)]
        return np.array([piece.sum(dtype=np.float64) for piece in pieces])

    def _tokens(self, row: int) -> slice:
        start = int(self.data.answer_starts[row])
        return slice(start, start + int(self.data.answer_lengths[row]))


def score_candidates(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    choices: bool,
    max_length: int,
    batch_size: int = 64,
    should_stop: Callable[[], bool] | None = None,
) -> CandidateScores:
    """Score every candidate of every question: its choices (`choices`), else its true answer.

    Raises:
        StageError: A candidate does not fit the context.
        CancelledError: `should_stop` said so.
    """
    data, firsts = candidate_data(tokenizer, questions, choices=choices, max_length=max_length)
    scores = score_tokens(model, data, batch_size=batch_size, should_stop=should_stop)
    return CandidateScores(data, scores, firsts)


def candidate_data(
    tokenizer: Any, questions: Sequence[Question], *, choices: bool, max_length: int
) -> tuple[TokenDataset, NDArray[np.int64]]:
    """All candidates as one data set, and `CandidateScores.firsts`.

    Raises:
        StageError: A candidate does not fit the context.
    """
    texts = [candidates_of(question, choices) for question in questions]
    sizes = [len(candidates) for candidates in texts]
    owners = [q for q, size in zip(questions, sizes, strict=True) for _ in range(size)]
    flat = [text for candidates in texts for text in candidates]
    data = TokenDataset(encode_all(tokenizer, owners, max_length=max_length, answers=flat))
    return data, np.cumsum([0, *sizes])


def candidates_of(question: Question, choices: bool) -> tuple[str, ...]:
    """A question's choices where they are asked for and there are some; else its true answer."""
    return (question.choices if choices else ()) or (question.answer,)
