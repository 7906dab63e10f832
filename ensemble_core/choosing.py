"""Pseudo-labels for multiple choice: the choice that a model finds likeliest."""

from collections.abc import Callable, Sequence
from typing import Any

from ensemble_core.candidates import score_candidates
from ensemble_core.costs import inference_flops
from ensemble_core.errors import StageError
from ensemble_core.labels import PseudoLabels
from ensemble_core.models.context import context_length
from ensemble_core.scoring import tokens_read
from ensemble_core.tasks.question import Question


def choice_labels(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    batch_size: int = 64,
    max_length: int | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PseudoLabels:
    """Label each question with its choice of the highest summed log-likelihood.

    A model that writes freely rarely hits the words of a choice; picking one is what a choice
    question asks for, and it is the answer that `choice_accuracy` counts.

    Raises:
        StageError: A question has no choices.
        CancelledError: `should_stop` said so.
    """
    bare = next((q for q in questions if len(q.choices) < 2), None)
    if bare is not None:
        raise StageError(
            "there are no choices to label with",
            where=f"task {bare.task}, question {bare.id}",
            hint="set student.labels to hard, or take tasks with choices",
        )
    limit = context_length(model.config, max_length)
    scored = score_candidates(
        model,
        tokenizer,
        questions,
        choices=True,
        max_length=limit,
        batch_size=batch_size,
        should_stop=should_stop,
    )
    answers: list[str] = []
    for index, question in enumerate(questions):
        likelihoods = scored.log_likelihoods(index)
        assert likelihoods is not None  # at least two choices
        answers.append(question.choices[int(likelihoods.argmax())])
    tokens = tokens_read(scored.data)
    ended = [True] * len(answers)
    return PseudoLabels(answers, None, ended, tokens, inference_flops(model, tokens))
