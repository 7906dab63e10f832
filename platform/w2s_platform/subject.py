"""Subjects: whose numbers a result row holds."""

import re

SUBJECTS = (
    "weak_base",
    "floor",
    "long",
    "bagging",
    "ensemble",
    "strong_base",
    "single",
    "student",
    "ceiling",
)
"""In the order in which the method makes them, which is the order of tables."""
PREFIX = re.compile(r"ensemble_([1-9][0-9]*)")
"""The first t experts together; stands after the ensemble."""
CHOSEN, BEST = "ensemble_chosen", "ensemble_best"
"""The prefix that is best on validation data; and the one that turned out best on the very data
that is shown, which flatters: the difference is the optimism of reporting the best round."""
EXPERT = re.compile(r"expert_([1-9][0-9]*)")
"""One round's expert alone; stands after the floor in tables."""
