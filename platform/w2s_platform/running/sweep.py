"""Run a sweep: bring what is missing into the store, through Ray."""

import time
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from w2s_platform.graph.model import Graph
from w2s_platform.running.broker import cell_view
from w2s_platform.running.cluster import Cluster, check_shared, connect
from w2s_platform.running.needs import needs_of
from w2s_platform.running.options import RunOptions
from w2s_platform.running.progress import Display, QuietDisplay, watch
from w2s_platform.running.report import RunReport
from w2s_platform.running.runs import StageRun
from w2s_platform.running.session import brokered, terminable, tune_folder
from w2s_platform.running.snapshot import Snapshot
from w2s_platform.running.soundness import find_unsound
from w2s_platform.running.tasks import Execute
from w2s_platform.running.trials import run_cell
from w2s_platform.running.tuning import experiment_name, make_tuner
from w2s_platform.stages.run import run_stage

if TYPE_CHECKING:
    from w2s_platform.store import Store


def run_sweep(
    graph: Graph,
    options: RunOptions,
    *,
    display: Display | None = None,
    execute: Execute = run_stage,
) -> RunReport:
    """Bring every cell of a graph into the store; returns when all that can be done is done.

    One cell that fails doesn't stop the others. Where nothing is missing, Ray is not started.

    Args:
        graph: The sweep.
        options: How to run it.
        display: Shown while it runs; closed afterwards.
        execute: What runs one stage in a worker's process.

    Raises:
        InputError: The store, the address or the resources can't be used.
        KeyboardInterrupt: The run was interrupted, by SIGTERM too; finished stages are kept.
    """
    from w2s_platform.store import open_store

    began = time.monotonic()
    store = open_store(options.store_url)
    found = standing(graph, store)
    todo = [cell.id for cell in found.cells if cell.status != "cached"]
    if todo:
        store.prepare()
        with connect(options.address, debug=options.debug) as cluster, terminable():
            check_cluster(graph, store, cluster)
            found = _run(graph, todo, options, store, cluster, display or QuietDisplay(), execute)
    return RunReport.of(found, time.monotonic() - began)


def standing(graph: Graph, store: "Store") -> Snapshot:
    """What the store holds of a graph, whole, as a run that has not begun."""
    statuses = store.statuses(graph.stages)
    finished = {key for key, status in statuses.items() if status == "done"}
    finished -= find_unsound(store, finished)
    runs = {key: StageRun.of(stage) for key, stage in graph.stages.items()}
    for key, run in runs.items():
        run.state = "cached" if key in finished else "to_run"
    cells = tuple(cell_view(cell, runs) for cell in graph.cells)
    return Snapshot(graph.sweep, 0.0, cells, tuple(run.view() for run in runs.values()))


def check_cluster(graph: Graph, store: "Store", cluster: Cluster) -> None:
    """Refuse what could never run.

    Raises:
        InputError: A stage asks for more than there is, or a node does not see the store.
    """
    for needs, stage in {needs_of(stage): stage for stage in graph.stages.values()}.items():
        cluster.check(needs, stage.label or stage.kind)
    check_shared(store.logs_dir)


def _run(
    graph: Graph,
    todo: list[str],
    options: RunOptions,
    store: "Store",
    cluster: Cluster,
    display: Display,
    execute: Execute,
) -> Snapshot:
    import ray
    from ray import tune

    asked = map(needs_of, graph.stages.values())
    concurrency = min(len(todo), options.concurrency or cluster.default_concurrency(asked))
    name = experiment_name(graph.sweep)
    with brokered(options, store, concurrency=concurrency, name=name, execute=execute) as broker:
        ray.get(broker.add.remote(graph))
        tracking = options.tracking.of_cells(graph, store) if options.tracking else nullcontext([])
        with watch(broker, display), tune_folder() as folder, tracking as trackers:
            tuner = make_tuner(
                run_cell,
                {"cell": tune.grid_search(todo)},
                broker=broker,
                name=name,
                folder=folder,
                concurrency=concurrency,
                callbacks=[*options.callbacks, *trackers],
            )
            results = tuner.fit()
        return _with_trial_errors(ray.get(broker.snapshot.remote()), results)


def _with_trial_errors(snapshot: Snapshot, results: Any) -> Snapshot:
    """Name what ended trials whose cells are neither complete nor failed."""
    errors = {r.config["cell"]: str(r.error) for r in results if r.error is not None and r.config}
    cells = tuple(
        replace(cell, status="failed", error=f"its trial ended: {errors[cell.id]}")
        if cell.id in errors and cell.status not in ("done", "cached", "failed")
        else cell
        for cell in snapshot.cells
    )
    return replace(snapshot, cells=cells)
