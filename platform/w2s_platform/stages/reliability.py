"""Reliability bins of one evaluation: how often its likeliest tokens are right, by confidence."""

from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

RELIABILITY = "reliability.parquet"
COLUMNS = ("low", "high", "n", "confidence", "accuracy", "accuracy_low", "accuracy_high")


def reliability_frame(questions: "pd.DataFrame") -> "pd.DataFrame":
    """The bins that `ece` is made of, over the answer tokens of all questions together.

    Args:
        questions: An evaluation's `token_confidences` and `token_correct`, one row per question.

    Returns:
        One row per bin that is not empty, as `calibration.ReliabilityBin`: tokens with a confidence
        in (`low`, `high`], how many (`n`), their mean `confidence`, the share of them that is right
        (`accuracy`) with Wilson's 95 % interval. Σ n·|accuracy - confidence| / Σ n is the ece.
    """
    import pandas as pd

    from ensemble_core.calibration import reliability_bins

    sure, right = (
        [value for values in questions[name] if values is not None for value in values]
        for name in ("token_confidences", "token_correct")
    )
    bins = reliability_bins(sure, right) if sure else []
    return pd.DataFrame([asdict(each) for each in bins], columns=list(COLUMNS))
