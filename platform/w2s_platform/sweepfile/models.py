"""The models of sweep files, under one roof."""

from w2s_platform.sweepfile.axes import Pick
from w2s_platform.sweepfile.file import SweepFile, VaryBlock
from w2s_platform.sweepfile.points import Point
from w2s_platform.sweepfile.resources import ResourceSettings, StageResources
from w2s_platform.sweepfile.search import (
    AshaSettings,
    CategoricalDimension,
    Dimension,
    FloatDimension,
    IntDimension,
    Objective,
    SearchSettings,
)
from w2s_platform.sweepfile.sections import (
    BASELINES,
    METRICS,
    Config,
    EvaluationSettings,
    ExpertSettings,
    StudentSettings,
    TaskGrid,
)
from w2s_platform.sweepfile.sweep import CellSpec, Sweep
from w2s_platform.sweepfile.tracking import (
    MlflowSettings,
    TensorBoardSettings,
    TrackSettings,
    WandbSettings,
)

__all__ = [
    "BASELINES",
    "METRICS",
    "AshaSettings",
    "CategoricalDimension",
    "CellSpec",
    "Config",
    "Dimension",
    "EvaluationSettings",
    "ExpertSettings",
    "FloatDimension",
    "IntDimension",
    "MlflowSettings",
    "Objective",
    "Pick",
    "Point",
    "ResourceSettings",
    "SearchSettings",
    "StageResources",
    "StudentSettings",
    "Sweep",
    "SweepFile",
    "TaskGrid",
    "TensorBoardSettings",
    "TrackSettings",
    "VaryBlock",
    "WandbSettings",
]
