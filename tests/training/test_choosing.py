"""Labels for multiple choice: the choice of the highest log-likelihood, by a loop."""

import pytest
import torch
from tiny_models import CONTEXT, make_model, make_tokenizer

from ensemble_core.choosing import choice_labels
from ensemble_core.encoding import encode
from ensemble_core.errors import StageError
from ensemble_core.tasks.question import Question

CHOICES = ("ab", "cd", "abcd", "d")


def questions() -> list[Question]:
    return [Question(prompt=f"{word}=", answer="cd", choices=CHOICES) for word in ("a", "bc", "dd")]


def likeliest(model: torch.nn.Module, question: Question) -> str:
    """Sum the log-probabilities of each choice's tokens, one choice at a time."""
    totals: list[float] = []
    for choice in question.choices:
        encoded = encode(make_tokenizer(), question, max_length=CONTEXT, answer=choice)
        ids = torch.tensor([encoded.input_ids])
        with torch.inference_mode():
            log_probs = model(input_ids=ids).logits.log_softmax(-1)[0]
        places = range(encoded.prompt_length, len(encoded.input_ids) - 1)  # without the end
        totals.append(sum(float(log_probs[at - 1, ids[0, at]]) for at in places))
    return question.choices[totals.index(max(totals))]


def test_each_label_is_the_likeliest_choice() -> None:
    model = make_model().eval()
    labels = choice_labels(model, make_tokenizer(), questions(), batch_size=2)
    assert labels.answers == [likeliest(model, question) for question in questions()]
    assert labels.targets is None
    assert labels.tokens > 0


def test_a_question_without_choices_is_refused() -> None:
    bare = Question(prompt="a=", answer="b", task="open")
    with pytest.raises(StageError, match="no choices to label with"):
        choice_labels(make_model(), make_tokenizer(), [*questions(), bare])
