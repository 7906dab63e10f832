"""A driver in a process of its own, to be interrupted or killed: driver_script.py STORE MARKS."""

import sys
from pathlib import Path

import run_helpers

from w2s_platform.running.options import RunOptions
from w2s_platform.running.policy import Policy
from w2s_platform.running.sweep import run_sweep


def make_sweep(marks: Path, seconds: float) -> run_helpers.GraphMaker:
    """Two cells that share a quick stage and have a slow one each."""
    maker = run_helpers.GraphMaker(marks)
    quick = maker.stage("quick")
    for name in ("left", "right"):
        # What a stage takes is a hint here, so that the slow and the quick sweep share their keys.
        slow = maker.stage(name, quick, kind="round", hinted={"seconds": seconds})
        maker.cell(name, slow)
    return maker


def main(store: str, marks: str) -> int:
    """Run the slow sweep; the status is that of `w2s run`."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(run_helpers)
    options = RunOptions(store, concurrency=2, policy=Policy(grace=1.0))
    try:
        graph = make_sweep(Path(marks), seconds=600.0).graph()
        return run_sweep(graph, options, execute=run_helpers.work).exit_status
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
