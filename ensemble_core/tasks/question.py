"""The question: what every task card yields and every stage reads."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Extract:
    """How the final answer is read out of a long one."""

    pattern: str
    """A regular expression; its group, where it has one, is the final answer."""
    take: str = "first"
    """Which of several matches counts: `first` or `last`."""
    remove: str = ""
    """A regular expression whose matches are dropped from the final answer, such as `[,$]`."""

    def __call__(self, text: str) -> str | None:
        """The final answer in `text`; None where there is none."""
        found = list(re.finditer(self.pattern, text))
        if not found:
            return None
        match = found[-1 if self.take == "last" else 0]
        final = match.group(match.re.groups and 1) or ""
        return (re.sub(self.remove, "", final) if self.remove else final).strip()


@dataclass(frozen=True)
class Question:
    """One question with its true answer.

    `prompt + answer` is exactly what a causal LM reads: any space between the two belongs to
    `answer` (and to each of `choices`), as the task card's template wrote it.
    """

    prompt: str
    answer: str
    choices: tuple[str, ...] = ()
    """Candidate answers, the right one among them; empty where the task has none."""
    difficulty: float | str | None = None
    task: str = ""
    split: str = ""
    identity: str = ""
    """What identifies it across templates and cards: the raw question, and its choices in an order
    of their own where the task has some; default: prompt and choices."""
    attributes: Mapping[str, float | str | None] = field(default_factory=dict, hash=False)
    """What else a slice may select by, such as the school grade."""
    extract: Extract | None = None
    """How a final answer is read out of a long one; None where the answer is the whole text."""

    @cached_property
    def id(self) -> str:
        """Sixteen hex digits of the content.

        An answer outside `choices` takes no part, so that a question whose answer is corrupted, or
        written in another form, is still the same question.
        """
        return content_id(self.identity or self.prompt, () if self.identity else self.choices)

    @property
    def answer_index(self) -> int:
        """Where the right answer stands in `choices`.

        Raises:
            ValueError: The task has no choices.
        """
        return self.choices.index(self.answer)

    def final(self, text: str) -> str | None:
        """The final answer in a written one: extracted or, without `extract`, the stripped text."""
        return self.extract(text) if self.extract else text.strip()

    def is_answered_by(self, text: str) -> bool:
        """Whether a written answer is right: an exact match of the final answers."""
        written = self.final(text)
        return written is not None and written == self.final(self.answer)


def content_id(question: str, answers: Sequence[str] = ()) -> str:
    """Identify a question by what it says, blind to case, spacing and the order of choices."""
    parts = [normalise(question), *sorted(normalise(answer) for answer in answers)]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def normalise(text: str) -> str:
    """Text without what doesn't count: case, and how much white space there is."""
    return " ".join(text.split()).casefold()
