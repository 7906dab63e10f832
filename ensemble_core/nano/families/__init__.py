"""Generated question families with exact answers and graded difficulty."""

from ensemble_core.nano.families.family import (
    DIFFICULTIES,
    Family,
    GeneratedQuestion,
    Item,
    difficulty_label,
)
from ensemble_core.nano.families.generating import generate
from ensemble_core.nano.families.registry import FAMILIES, VERSION

__all__ = [
    "DIFFICULTIES",
    "FAMILIES",
    "VERSION",
    "Family",
    "GeneratedQuestion",
    "Item",
    "difficulty_label",
    "generate",
]
