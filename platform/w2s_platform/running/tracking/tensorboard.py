"""TensorBoard, through Ray's `TBXLoggerCallback`."""

from collections.abc import Callable
from typing import Any

from ray.tune.logger import TBXLoggerCallback
from tensorboardX import SummaryWriter

from w2s_platform.running.tracking.described import Ending

_RAYS = "ray/tune/"
"""What Ray puts before every name."""


class DirectEvents:
    """Writes events at once.

    tensorboardX has a thread write them, and ten wait at most: where that thread fails (the disk is
    full), the next one blocks its caller, Tune, for ever.

    Args:
        file: tensorboardX's writer of one event file.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._ended = False

    def add_event(self, event: Any) -> None:
        """Write an event; it reaches the disk with the next `flush`."""
        self._attempt(lambda: self._file.write_event(event))

    def flush(self) -> None:
        """Bring what was written to the disk."""
        self._attempt(self._file.flush)

    def close(self) -> None:
        """End the file; again does nothing, since tensorboardX does so at exit."""
        self._attempt(self._file.close)
        self._ended = True

    def _attempt(self, action: Callable[[], Any]) -> None:
        if self._ended:
            return
        try:
            action()
        except OSError:
            self._ended = True
            raise


class PlainWriter(SummaryWriter):
    """Writes event files in which metrics have the names that they have elsewhere."""

    def _get_file_writer(self) -> Any:
        writer: Any = super()._get_file_writer()
        if not isinstance(writer.event_writer, DirectEvents):
            threaded = writer.event_writer
            threaded._worker.stop()
            writer.event_writer = DirectEvents(threaded._ev_writer)
        return writer

    def add_scalar(self, tag: str, *value: Any, **more: Any) -> None:
        """Write a number."""
        super().add_scalar(tag.removeprefix(_RAYS), *value, **more)


class TensorBoardLogger(TBXLoggerCallback):
    """Ray's logger, with plain names, and with the reason where a run did not finish."""

    def __init__(self) -> None:
        super().__init__()
        self._summary_writer_cls = PlainWriter

    def log_ending(self, run: Any, ending: Ending) -> None:
        """End a run; its folder keeps why it failed or stopped."""
        if ending.reason and run in self._trial_writer:
            self._trial_writer[run].add_text(ending.status, ending.reason)
        self.log_trial_end(run, failed=ending.status == "failed")

    def _try_log_hparams(self, trial: Any, result: dict[str, Any]) -> None:
        plain = {name.removeprefix(_RAYS): value for name, value in result.items()}
        super()._try_log_hparams(trial, plain)
