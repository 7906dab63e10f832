"""Give me the numbers: where they come from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dashboards.data.reader import SweepData

if TYPE_CHECKING:
    import pandas as pd


def origin(data: Sequence[SweepData]) -> "pd.DataFrame":
    """One row per sweep: its key, its cells and stages, the code that made them, and when."""
    import pandas as pd

    return pd.DataFrame(
        {
            "sweep": [each.sweep for each in data],
            "sweep key": [each.key for each in data],
            "cells": [len(each.ledger.cells) for each in data],
            "finished stages": [len(each.stages) for each in data],
            "git commits (+: files were changed)": [", ".join(each.commits) for each in data],
            "first stage": [_first(each) for each in data],
            "last stage": [_last(each) for each in data],
        }
    )


def _first(data: SweepData) -> str:
    return min((facts.created for facts in data.stages.values()), default="")


def _last(data: SweepData) -> str:
    return max((facts.created for facts in data.stages.values()), default="")
