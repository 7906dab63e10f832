"""YAML documents that people write: strict reading, and problems that say where they are.

Models validated here keep sequences in tuples (`tuple[int, ...]`), never in lists: validation is
strict, and a YAML list arrives as a tuple.
"""

from ensemble_core.documents.document import Document, Loc, parse, read
from ensemble_core.documents.nearest import did_you_mean, nearest
from ensemble_core.documents.problems import DocumentErrors, LocatedError, Problem
from ensemble_core.documents.validate import problems_of, validate

__all__ = [
    "Document",
    "DocumentErrors",
    "Loc",
    "LocatedError",
    "Problem",
    "did_you_mean",
    "nearest",
    "parse",
    "problems_of",
    "read",
    "validate",
]
