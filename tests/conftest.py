"""What tests of every folder may share: Ray, started once; and which of them run side by side."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

RAY_CPUS = 2
HEAD_PATIENCE = 120.0
CLUSTERS = {"ray_session", "ray_head", "own_ray"}
"""Fixtures that bring a Ray: it takes all cores for itself."""

# Models this small are slower on more threads, above all beside other processes. Before torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Set for processes that share the tests: tables would be as narrow as a terminal that isn't there.
os.environ.pop("COLUMNS", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--only",
        choices=("together", "alone"),
        help="run the tests that may run beside others, or those marked `alone`",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a Ray as `alone`, and keep the half that is asked for."""
    for item in items:
        if CLUSTERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("alone")
    if only := config.getoption("--only"):
        halves: dict[str, list[pytest.Item]] = {"alone": [], "together": []}
        for item in items:
            halves["alone" if item.get_closest_marker("alone") else "together"].append(item)
        items[:] = halves.pop(only)
        config.hook.pytest_deselected(items=[item for half in halves.values() for item in half])


@pytest.fixture(scope="session")
def own_ray() -> None:
    """Asked for by what starts a Ray of its own, in another process."""


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let the commands that tests start be interrupted, even where this run itself can't be.

    A shell starts what it puts into the background with SIGINT ignored, and that is inherited.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def ray_session() -> Generator[None]:
    """One Ray of two cores for all tests that need one; starting it takes seconds.

    `w2s_platform` uses the connection that is there and leaves it alone.
    """
    from w2s_platform.running.cluster import connect

    with connect(cpus=RAY_CPUS):
        yield


@pytest.fixture(scope="module")
def ray_head() -> Generator[str]:
    """The address for jobs of a cluster of one node, on loopback and on ports of its own.

    Gone after the module: its daemons are at work even while they wait.
    """
    # Ray makes sockets below its folder, and the path of a socket has 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="w2s", dir="/tmp"))
    ports = free_ports(3)
    head = subprocess.Popen(
        head_command(folder, *ports),
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{ports[1]}"
    try:
        wait_until_it_answers(f"{address}/api/version", head)
        yield address
    finally:
        end_group(head)
        shutil.rmtree(folder, ignore_errors=True)


def head_command(folder: Path, port: int, dashboard: int, agent: int) -> list[str]:
    script = Path(sys.executable).with_name("ray")
    options: dict[str, Any] = {
        "node-ip-address": "127.0.0.1",
        "port": port,
        "dashboard-host": "127.0.0.1",
        "dashboard-port": dashboard,
        "dashboard-agent-listen-port": agent,
        "num-cpus": RAY_CPUS,
        "object-store-memory": 200 * 2**20,
        "temp-dir": folder,
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    return [str(script), "start", "--head", "--block", "--disable-usage-stats", *given]


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def wait_until_it_answers(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + HEAD_PATIENCE
    while True:
        assert process.poll() is None, "the Ray head did not start"
        assert time.monotonic() < deadline, "the Ray head did not answer"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """End a process and all that it started, and nothing else."""
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
