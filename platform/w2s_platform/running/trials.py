"""What runs inside a Tune trial: it waits for the broker, and holds next to nothing.

Imported by trial processes, which start often: no torch, no transformers here.
"""

from collections.abc import Mapping
from typing import Any

TRIAL_MEMORY = 100 * 2**20
"""Bytes of Ray's `memory` resource that a trial books, about what its process takes.

Tune can't book nothing, and any share of a core is too much: with two trials at 0.01 of two cores,
1.98 are left, and only one of two stages that need a core each can run.
"""


def run_cell(config: Mapping[str, Any], broker: Any) -> None:
    """The trial of one cell: have the broker run it, and report how it ended.

    A failed cell is a result, not an exception: Tune would replace the trial's process.
    """
    import ray
    from ray import tune

    outcome: Any = ray.get(broker.run_cell.remote(config["cell"]))
    tune.report({"cell": outcome.id, "status": outcome.status, "error": outcome.error or ""})
