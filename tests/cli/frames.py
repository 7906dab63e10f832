"""Small hand-made summaries and reports for the tests of what is printed."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from w2s_platform.results.plan import CellReport, PlanReport, StageReport

NAN = float("nan")


def mean(
    subject: str,
    value: float,
    half: float = NAN,
    *,
    role: str = "id",
    metric: str = "accuracy",
    n: int = 4,
    undefined: int = 0,
    **group: Any,
) -> dict[str, Any]:
    """One line of a summary frame; without `half` there is no interval."""
    return {
        **group,
        "role": role,
        "metric": metric,
        "subject": subject,
        "mean": value,
        "low": value - half,
        "high": value + half,
        "n": n,
        "undefined": undefined,
    }


def summary(*means: Mapping[str, Any]) -> pd.DataFrame:
    columns = ["role", "metric", "subject", "mean", "low", "high", "n", "undefined"]
    return pd.DataFrame(list(means)) if means else pd.DataFrame(columns=columns)


def stage(kind: str, number: int, status: Any = "to_run", **more: Any) -> StageReport:
    key = f"{number:064x}"
    defaults: dict[str, Any] = {
        "label": f"{kind} {number}", "needs": (), "seconds": None, "attempts": 0, "error": None,
    }  # fmt: skip
    return StageReport(key=key, kind=kind, status=status, **(defaults | more))


def report(stages: list[StageReport], *cells: CellReport) -> PlanReport:
    return PlanReport("study", cells, tuple(stages))


def cell(number: int, status: Any, stages: list[StageReport], **varied: Any) -> CellReport:
    keys = tuple(stage.key for stage in stages)
    return CellReport(f"{number:012x}", number, varied, status, keys, None)
