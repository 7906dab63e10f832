"""Which trackers a sweep asks for, and how they are made."""

import logging
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_core.documents import DocumentErrors
from w2s_platform.sweepfile.tracking import TrackerName, TrackSettings

if TYPE_CHECKING:
    from w2s_platform.graph.model import Graph
    from w2s_platform.running.searching import SearchProblem
    from w2s_platform.running.tracking.described import Described
    from w2s_platform.running.tracking.tracker import Tracker
    from w2s_platform.running.tracking.trials import Trials
    from w2s_platform.store import Store
    from w2s_platform.sweepfile.sweep import Sweep

PACKAGES: dict[TrackerName, str] = {
    "tensorboard": "tensorboardX",
    "mlflow": "mlflow",
    "wandb": "wandb",
}
"""Tracker → the package that writes for it; extras of the project have the trackers' names."""
_MLFLOW = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # its own seven may take minutes, while Tune waits
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}
"""What the user set already stays."""
_TALKING = ("mlflow", "alembic", "urllib3.connectionpool")
"""Loggers that tell how MLflow makes a database, and of each attempt to reach a server."""


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")


@dataclass(frozen=True)
class Tracking:
    """The trackers of a sweep; what they show is in the store all the same."""

    sweep: str
    """The sweep's name."""
    settings: TrackSettings
    warn: Callable[[str], None] = _to_stderr
    """Gets a line where a tracker fails."""

    @classmethod
    def of(cls, sweep: "Sweep") -> "Tracking":
        """What the sweep's `track:` asks for.

        Raises:
            DocumentErrors: A tracker's package is not installed.
        """
        problems = [
            sweep.document.problem(
                ("track", name),
                f"{name} needs the package `{PACKAGES[name]}`",
                f"pip install 'w2s-platform[{name}]'",
            )
            for name in sweep.track.names
            if find_spec(PACKAGES[name]) is None
        ]
        if problems:
            raise DocumentErrors(problems)
        return cls(sweep.sweep, sweep.track)

    @contextmanager
    def of_cells(self, graph: "Graph", store: "Store") -> Generator[list[Any]]:
        """Callbacks for a run whose trials are cells; the block is the run."""
        from w2s_platform.running.tracking.trials import CellTrials

        versions = store.sweep_versions(graph.sweep)
        key = {"sweep_key": versions[-1].key[:12]} if versions else {}
        with self._callbacks(CellTrials(graph, key | _commit()), store) as callbacks:
            yield callbacks

    @contextmanager
    def of_search(self, problem: "SearchProblem", store: "Store") -> Generator[list[Any]]:
        """Callbacks for a run whose trials are configurations of a search."""
        from w2s_platform.running.tracking.trials import SearchTrials

        with self._callbacks(SearchTrials(self.sweep, problem, _commit()), store) as callbacks:
            yield callbacks

    @contextmanager
    def _callbacks(self, trials: "Trials", store: "Store") -> Generator[list[Any]]:
        if not self.settings.names:
            yield []
            return
        if self.settings.mlflow:
            _calm_mlflow()  # Tune may import it before it asks for us
        from w2s_platform.running.tracking.callback import TrackingCallback

        trackers = [self._tracker(name, store) for name in self.settings.names]
        callback = TrackingCallback(trackers, trials, store, self.warn)
        try:
            yield [callback]
        finally:  # Tune does not end its callbacks where an interrupt ends the run
            callback.close()

    def _tracker(self, name: TrackerName, store: "Store") -> "Tracker":
        from w2s_platform.running.tracking.tracker import Tracker

        root = store.backend.local_path("")
        makers: dict[TrackerName, Callable[[], Any]] = {
            "tensorboard": _tensorboard,
            "mlflow": lambda: self._mlflow(root),
            "wandb": self._wandb,
        }
        place = self._place(name, root)
        return Tracker(name, makers[name], place, group=self.sweep, warn=self.warn)

    def _place(self, name: TrackerName, root: Path) -> "Callable[[Described], Path]":
        """From a run's description to a folder that is there: TensorBoard needs one for each."""
        from w2s_platform.running.tracking.described import own_folder

        if name != "tensorboard":
            return lambda _: root
        asked = self.settings.tensorboard and self.settings.tensorboard.folder
        base = Path(asked).expanduser().absolute() if asked else root / "tensorboard"
        return lambda run: own_folder(base / run.sweep, run.label)

    def _mlflow(self, root: Path) -> Any:
        from w2s_platform.running.tracking.mlflow import MlflowLogger

        asked = self.settings.mlflow
        assert asked is not None
        uri = asked.uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root}/mlflow.db"
        commit = _commit().get("commit", "").partition(" ")[0]
        tags = {"mlflow.source.git.commit": commit} if commit else {}
        return MlflowLogger(uri, experiment_name=asked.experiment or self.sweep, tags=tags)

    def _wandb(self) -> Any:
        from w2s_platform.running.tracking.wandb import WandbLogger

        asked = self.settings.wandb
        assert asked is not None
        if asked.mode:
            os.environ["WANDB_MODE"] = asked.mode  # Ray asks for a key unless this says offline
        given = {"entity": asked.entity, "mode": asked.mode}
        return WandbLogger(
            project=asked.project or self.sweep,
            group=self.sweep,
            **{name: value for name, value in given.items() if value},
        )


def _calm_mlflow() -> None:
    if "MLFLOW_LOGGING_LEVEL" not in os.environ:
        for name in _TALKING:  # MLflow reads the variable only when it is imported
            logging.getLogger(name).setLevel(logging.ERROR)
    for variable, value in _MLFLOW.items():
        os.environ.setdefault(variable, value)


def _tensorboard() -> Any:
    from w2s_platform.running.tracking.tensorboard import TensorBoardLogger

    return TensorBoardLogger()


def _commit() -> dict[str, str]:
    """The code's commit, as every run shows it."""
    from w2s_platform.store.provenance import git_state

    state = git_state()
    return {"commit": state.commit + (" (changed)" if state.dirty else "")} if state else {}
