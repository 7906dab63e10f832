"""Start Ray on this machine, or join the cluster that is there."""

import logging
import math
import os
import secrets
import uuid
from collections.abc import Generator, Iterable
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble_core.errors import InputError, StageError
from w2s_platform.running.needs import Needs

OBJECT_STORE_BYTES = 256 * 2**20
"""Shared memory of an embedded Ray: artifacts go through the store, so little passes here."""

_SETTINGS = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # an interrupt is ours: it ends with status 130
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a trial that failed has no objective to report
}
_QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",  # Tune's newer output prints tables even at verbose=0
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # else Ray prints its daemons' complaints to our output
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


@dataclass(frozen=True)
class Cluster:
    """The machines that a run has."""

    cpus: float
    gpus: float
    nodes: int
    embedded: bool
    """Started by this process, and gone with it."""

    def default_concurrency(self, asked: Iterable[Needs]) -> int:
        """Cells at work at once if nobody says: as many as can each run their largest stage.

        Args:
            asked: What the run's stages need.

        Returns:
            1 to 32. A machine's GPUs say nothing about stages that ask for none.
        """
        fits = [self.cpus, *(self._fits(needs) for needs in asked)]
        return max(1, min(32, int(min(fits) + 1e-9)))

    def _fits(self, needs: Needs) -> float:
        """How often a stage fits at once; what the cluster lacks so far does not count."""
        pairs = ((self.cpus, needs.cpus), (self.gpus, needs.gpus))
        shares = [held / (each * needs.workers) for held, each in pairs if held and each]
        return min(shares, default=math.inf)

    def check(self, needs: Needs, stage: str) -> None:
        """Refuse what this machine can never give; a cluster may grow.

        Raises:
            InputError: The stage would wait for ever.
        """
        for what, asked, held in (
            ("CPU cores", needs.cpus * needs.workers, self.cpus),
            ("GPUs", needs.gpus * needs.workers, self.gpus),
        ):
            if self.embedded and asked > held:
                raise InputError(
                    f"{stage} asks for {asked:g} {what}, this machine has {held:g}",
                    where="resources",
                    hint="lower `workers` or what each worker holds, or name a cluster: --address",
                )


@contextmanager
def connect(
    address: str | None = None, *, cpus: int | None = None, debug: bool = False
) -> Generator[Cluster]:
    """Be connected to Ray inside the block.

    Where this process is connected already, that connection serves and stays. Else it joins
    `address` or RAY_ADDRESS (set inside a Ray job), or starts Ray here and stops it afterwards.

    Args:
        address: `host:port` of a cluster that this machine is a node of, or `auto`.
        cpus: Cores of an embedded Ray; default: what Ray finds.
        debug: Let Ray's log lines through.

    Raises:
        InputError: The address can't be used from here.
        StageError: Ray did not start.
    """
    for name, value in (_SETTINGS | ({} if debug else _QUIET)).items():
        os.environ.setdefault(name, value)
    import ray

    _quieten(debug)
    if ray.is_initialized():
        yield _describe(embedded=False)
        return
    address = address or os.environ.get("RAY_ADDRESS") or None
    _check_address(address)
    with _own_token() if address is None else nullcontext():
        _start(address, cpus, debug)
        try:
            yield _describe(embedded=address is None)
        finally:
            ray.shutdown()


def check_shared(folder: Path) -> None:
    """Refuse a store that some node of the cluster does not see.

    Args:
        folder: A folder of the store.

    Raises:
        InputError: A node can't read there what this process wrote.
    """
    import ray

    here = _driver_node()
    others = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] != here]
    if not others:
        return
    folder.mkdir(parents=True, exist_ok=True)
    token = uuid.uuid4().hex
    probe = folder / f".probe-{token}"
    probe.write_text(token)
    try:
        blind = [node["NodeManagerHostname"] for node in others if not _sees(node, probe, token)]
    finally:
        probe.unlink(missing_ok=True)
    if blind:
        raise InputError(
            f"nodes of the cluster don't see the store: {', '.join(sorted(blind))}",
            where=str(folder),
            hint="name a store on a file system that all nodes share: --store",
        )


def _driver_node() -> str:
    import ray

    return ray.get_runtime_context().get_node_id()


def _sees(node: dict[str, Any], probe: Path, token: str) -> bool:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    on_node = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    task: Any = ray.remote(_reads)
    options = {"num_cpus": 0, "scheduling_strategy": on_node, "max_retries": 0}
    return ray.get(task.options(**options).remote(str(probe), token))


def _reads(probe: str, token: str) -> bool:
    try:
        return Path(probe).read_text() == token
    except OSError:
        return False


def _check_address(address: str | None) -> None:
    if address and address.startswith(("http://", "https://")):
        hint = f"`w2s submit FILE --address {address}` hands the sweep to that cluster"
        raise InputError("this is the address for jobs, not for drivers", where=address, hint=hint)
    if address and address.startswith("ray://"):
        hint = "run on one of its nodes with --address auto, or use `w2s submit`"
        raise InputError("Ray Client addresses are not supported", where=address, hint=hint)


@contextmanager
def _own_token() -> Generator[None]:
    """Guard an embedded Ray with a token that is gone with it.

    Ray would keep one in the home directory, and from then on every `ray start` there asks for it
    while `ray job submit` does not send it.
    """
    before = {name: os.environ.get(name) for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)


def _start(address: str | None, cpus: int | None, debug: bool) -> None:
    import ray

    common: dict[str, Any] = {
        "log_to_driver": debug,
        "logging_level": logging.INFO if debug else logging.ERROR,
    }
    try:
        if address is not None:
            ray.init(address=address, **common)
            return
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            **common,
        )
    except (ConnectionError, RuntimeError, OSError, ValueError) as error:
        what = f"Ray did not answer: {error}" if address else f"Ray did not start: {error}"
        kind = InputError if address else StageError
        raise kind(what, where=address, hint="run with --debug for Ray's own messages") from error


def _describe(*, embedded: bool) -> Cluster:
    import ray

    held = ray.cluster_resources()
    nodes = sum(bool(node["Alive"]) for node in ray.nodes())
    return Cluster(held.get("CPU", 0.0), held.get("GPU", 0.0), nodes, embedded)


def _quieten(debug: bool) -> None:
    if not debug:
        for name in ("ray", "ray.tune", "ray.train", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
