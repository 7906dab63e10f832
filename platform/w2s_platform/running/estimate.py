"""How long a run still takes, judged by what it has done."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from w2s_platform.running.snapshot import Snapshot, StageView

_LEFT = ("to_run", "running")


@dataclass(frozen=True)
class Estimate:
    """Time left."""

    seconds: float
    partial: bool
    """Some kinds of stage have not been seen to run yet, so that it is a lower bound."""


def time_left(snapshot: Snapshot, expected: Mapping[str, float] | None = None) -> Estimate | None:
    """Estimate the wall time until a run ends.

    Stages of a kind are taken to last as long as those that this run did, and as many to run at
    once as did so far.

    Args:
        snapshot: The run.
        expected: Kind → seconds, for kinds that this run has not done yet.

    Returns:
        None where nothing is known yet.
    """
    known = dict(expected or {}) | _means(snapshot)
    left = [stage for stage in snapshot.stages if stage.status in _LEFT]
    if not known:
        return None
    work = sum(_remaining(stage, known[stage.kind]) for stage in left if stage.kind in known)
    partial = any(stage.kind not in known for stage in left)
    return Estimate(work / _parallelism(snapshot), partial)


def _means(snapshot: Snapshot) -> dict[str, float]:
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for stage in snapshot.stages:
        if stage.status == "done":
            taken[stage.kind].append(stage.seconds)
    return {kind: fmean(seconds) for kind, seconds in taken.items()}


def _remaining(stage: StageView, mean: float) -> float:
    if stage.status != "running":
        return mean
    if stage.fraction:
        return stage.seconds * (1 - stage.fraction) / stage.fraction
    return max(0.0, mean - stage.seconds)


def _parallelism(snapshot: Snapshot) -> float:
    at_once = snapshot.busy_seconds / snapshot.elapsed if snapshot.elapsed else 1.0
    return max(1.0, at_once)
