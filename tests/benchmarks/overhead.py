"""What running a sweep through the platform costs over calling its stages in a plain loop."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import yaml

QUICKSTART = Path(__file__).parents[2] / "sweeps" / "quickstart.yaml"


def main() -> None:
    """Measure each in a fresh process with a fresh store, and print the ratio."""
    options = parse()
    if options.threads:
        run_in_a_loop(options.sweep, options.store, options.data_root, options.threads)
        return
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="w2s-overhead-") as folder:
        sweep = one_at_a_time(options.sweep, Path(folder))
        data = ["--data-root", options.data_root] if options.data_root else []
        here = [sys.executable, __file__, str(sweep), *data]
        loops = {
            threads: timed(
                [*here, "--threads", str(threads), "--store", f"{folder}/loop-{threads}"]
            )
            for threads in dict.fromkeys((1, cores))
        }
        w2s = [sys.executable, "-m", "w2s_platform.cli", "run", str(sweep), *data]
        run = timed([*w2s, "--quiet", "--store", f"{folder}/run"])
        stages = len(list(Path(folder, "run", "manifests").glob("*/*.json")))
    click.echo(f"{options.sweep.name}, {stages} stages, {cores} cores")
    for threads, seconds in loops.items():
        name = f"plain loop, {threads} thread{'s' if threads > 1 else ''}"
        click.echo(f"{name:<24}{seconds:8.1f} s")
    click.echo(f"{'w2s run':<24}{run:8.1f} s")
    click.echo(f"{'ratio to the faster loop':<24}{run / min(loops.values()):8.2f}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep", type=Path, nargs="?", default=QUICKSTART)
    parser.add_argument("--data-root", default=os.environ.get("W2S_DATA_DIR"))
    parser.add_argument("--threads", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    return parser.parse_args()


def timed(command: list[str]) -> float:
    """Wall seconds of a command that has to succeed."""
    began = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - began


def one_at_a_time(sweep: Path, folder: Path) -> Path:
    """A copy of the sweep that runs one trial at a time, with the same task cards beside it."""
    from ensemble_core import documents

    tree = documents.read(sweep).data
    tree.setdefault("resources", {})["concurrency"] = 1
    copy = folder / sweep.name
    copy.write_text(yaml.safe_dump(tree, sort_keys=False))
    if (sweep.parent / "tasks").is_dir():
        (folder / "tasks").symlink_to((sweep.parent / "tasks").resolve())
    return copy


def run_in_a_loop(sweep: Path, store: str, data_root: str | None, threads: int) -> None:
    """Every stage of every cell, in order, in this process."""
    from w2s_platform.cli.inputs import load_study
    from w2s_platform.cli.quiet import be_quiet
    from w2s_platform.stages.run import run_stage
    from w2s_platform.stages.runtime import Runtime
    from w2s_platform.store import open_store

    be_quiet(debug=False)
    graph = load_study(sweep, Path(data_root) if data_root else None).graph
    opened = open_store(store)
    opened.prepare()
    runtime = Runtime(data_root=data_root, threads=threads)
    for key in dict.fromkeys(key for cell in graph.cells for key in cell.stages):
        run_stage(graph.stages[key], opened.url, runtime).raise_for_failure()


if __name__ == "__main__":
    main()
