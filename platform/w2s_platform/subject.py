"""Subjects: whose numbers a result row holds."""

import re

SUBJECTS = (
    "weak_base",
    "floor",
    "long",
    "bagging",
    "ensemble",
    "sequence",
    "strong_base",
    "single",
    "student",
    "ceiling",
)
"""In the order in which the method makes them, which is the order of tables."""
STRONG = ("strong_base", "single", "student", "ceiling")
"""Subjects of the strong model's size; the others take what experts take."""
GENERATION = re.compile(r"(student|ceiling)_([2-9]|[1-9][0-9]+)")
"""The student of a later generation, which learns from the one before; and its ceiling."""
PREFIX = re.compile(r"ensemble_([1-9][0-9]*)")
"""The first t experts together; stands after the ensemble."""
AFTER = re.compile(r"ensemble_after_([1-9][0-9]*)")
"""The ensemble after t rounds of a search's trial, by which the trial was judged."""
CHOSEN, BEST = "ensemble_chosen", "ensemble_best"
"""The prefix that is best on validation data; and the one that turned out best on the very data
that is shown, which flatters: the difference is the optimism of reporting the best round."""
EXPERT = re.compile(r"expert_([1-9][0-9]*)")
"""One round's expert alone; stands after the floor in tables."""


def after(rounds: int) -> str:
    """The subject that `AFTER` tells."""
    return f"ensemble_after_{rounds}"


def ceiling_of(subject: str) -> str | None:
    """The ceiling against which a student's PGR is taken; None for who is no student."""
    if subject in ("student", "single"):
        return "ceiling"
    later = GENERATION.fullmatch(subject)
    return f"ceiling_{later[2]}" if later and later[1] == "student" else None


def is_strong(subject: str) -> bool:
    """Whether a subject is of a student's size."""
    return subject in STRONG or GENERATION.fullmatch(subject) is not None
