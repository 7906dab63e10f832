"""What machines are accepted, which device is used, and whether they share the store."""

from pathlib import Path

import pytest

from ensemble_core.errors import InputError
from w2s_platform.running import cluster as clusters
from w2s_platform.running.cluster import Cluster, check_shared, connect
from w2s_platform.running.devices import device_for
from w2s_platform.running.needs import Needs, needs_of
from w2s_platform.running.options import RunOptions
from w2s_platform.stage import Stage
from w2s_platform.sweepfile.resources import ResourceSettings

LAPTOP = Cluster(cpus=2, gpus=0, nodes=1, embedded=True)
WORKSTATION = Cluster(cpus=16, gpus=1, nodes=1, embedded=True)


@pytest.mark.parametrize(
    ("assigned", "visible", "device"),
    [
        ([], None, "cpu"),
        (["0"], None, "cuda:0"),
        ([1], None, "cuda:1"),
        (["3"], "2,3", "cuda:1"),
        (["GPU-b"], "GPU-a, GPU-b", "cuda:1"),
    ],
)
def test_a_task_computes_on_the_gpu_that_it_was_given(
    assigned: list[str | int], visible: str | None, device: str
) -> None:
    assert device_for(assigned, visible) == device


def test_only_training_is_spread() -> None:
    asked = {"workers": 4, "cpus_per_worker": 2.0, "gpus_per_worker": 1.0}
    training = needs_of(Stage("student", {}, hints={"resources": asked}))
    assert training == Needs(workers=4, cpus=2.0, gpus=1.0)
    assert (training.threads, training.devices, training.spread) == (2, 4.0, True)
    labels = needs_of(Stage("labels", {}, hints={"resources": asked}))
    assert (labels.workers, labels.gpus) == (1, 1.0)
    assert needs_of(Stage("data", {})) == Needs()


def test_what_this_machine_can_never_give_is_refused() -> None:
    LAPTOP.check(Needs(cpus=2), "round 1")
    with pytest.raises(InputError, match="round 1 asks for 4 CPU cores, this machine has 2"):
        LAPTOP.check(Needs(workers=2, cpus=2), "round 1")
    with pytest.raises(InputError, match="1 GPUs"):
        LAPTOP.check(Needs(gpus=1), "round 1")
    Cluster(2, 0, 1, embedded=False).check(Needs(gpus=1), "round 1")  # it may grow


@pytest.mark.parametrize(
    ("cluster", "asked", "cells"),
    [
        (LAPTOP, [Needs()], 2),
        (LAPTOP, [], 2),
        (WORKSTATION, [Needs()], 16),
        (WORKSTATION, [Needs(), Needs(cpus=4)], 4),
        (WORKSTATION, [Needs(), Needs(gpus=1)], 1),
        (WORKSTATION, [Needs(gpus=0.1)], 10),
        (WORKSTATION, [Needs(workers=4, cpus=8)], 1),
        (Cluster(64, 8, 4, False), [Needs(gpus=1), Needs(workers=2, gpus=1)], 4),
        (Cluster(4, 0, 1, False), [Needs(gpus=1)], 4),  # its GPUs may come yet
        (Cluster(640, 0, 10, False), [Needs()], 32),
    ],
)
def test_as_many_cells_at_once_as_can_run_their_largest_stage(
    cluster: Cluster, asked: list[Needs], cells: int
) -> None:
    assert cluster.default_concurrency(asked) == cells


@pytest.mark.parametrize(
    ("address", "hint"), [("http://head:8265", "w2s submit"), ("ray://head:10001", "not supported")]
)
def test_addresses_of_other_kinds_say_what_to_do(
    address: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(InputError, match=hint), connect(address):
        pass


@pytest.mark.usefixtures("ray_session")
def test_a_node_that_does_not_see_the_store_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    (here,) = ray.nodes()
    check_shared(tmp_path)  # one node: nothing to check
    monkeypatch.setattr(clusters, "_driver_node", lambda: "another node")
    check_shared(tmp_path)
    assert list(tmp_path.iterdir()) == [], "the probe is gone"
    monkeypatch.setattr(clusters, "_reads", lambda probe, _: Path(f"{probe}-elsewhere").exists())
    with pytest.raises(InputError, match=f"don't see the store: {here['NodeManagerHostname']}"):
        check_shared(tmp_path)


def test_options_come_from_the_sweeps_resources(tmp_path: Path) -> None:
    resources = ResourceSettings.model_validate(
        {
            "concurrency": 3,
            "time_budget": "2h",
            "device_hours": 5,
            "retries": 1,
            "students": {"workers": 2, "gpus_per_worker": 1},
        }
    )
    options = RunOptions.of(resources, store_url="file:///s", retry_failed=True)
    assert options.concurrency == 3
    assert options.needs == {"experts": Needs(), "students": Needs(workers=2, gpus=1.0)}
    policy = options.policy
    assert (policy.time_budget, policy.device_hours, policy.retries) == (7200.0, 5.0, 1)
    assert policy.retry_failed
