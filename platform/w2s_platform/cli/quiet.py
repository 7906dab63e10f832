"""Keep the libraries below us from talking unless they are asked to."""

import io
import os
import sys
import warnings

QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "DATASETS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def be_quiet(*, debug: bool) -> None:
    """Set the environment that worker processes inherit; what the user set already stays.

    Args:
        debug: Leave warnings and log lines as the libraries have them.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show `±` gets a `?`, not a crash.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if debug:
        return
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
