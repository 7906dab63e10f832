"""Drivers that are interrupted or killed: what stays, and who goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from driver_script import make_sweep
from run_helpers import Marks, work

from w2s_platform.running.options import RunOptions
from w2s_platform.running.session import deaf, terminable
from w2s_platform.running.sweep import run_sweep
from w2s_platform.store import Store

pytestmark = pytest.mark.alone
SLOW = ("left", "right")


def wait_for(condition: Callable[[], bool], patience: float = 90.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def running_driver(store: Store, marks: Marks) -> Generator[subprocess.Popen[bytes]]:
    """A driver with a Ray of its own, both of whose slow stages have begun."""
    script = Path(__file__).with_name("driver_script.py")
    command = [sys.executable, str(script), store.url, str(marks.folder)]
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: all(marks.count("start", name) for name in SLOW) or exited(driver))
        assert driver.poll() is None
        yield driver
    finally:
        if driver.poll() is None:
            driver.kill()
        driver.wait()


def exited(driver: subprocess.Popen[bytes]) -> bool:
    return driver.poll() is not None


def test_an_interrupt_ends_with_130_and_holds_no_lease(store: Store, marks: Marks) -> None:
    with running_driver(store, marks) as driver:
        driver.send_signal(signal.SIGINT)
        assert driver.wait(60) == 130
        assert driver.stdout is not None
        assert driver.stdout.read() == b"", "nothing of Ray's is printed"
    workers = marks.processes("start")
    wait_for(lambda: not any(is_alive(pid) for pid in workers), 15)
    graph = make_sweep(marks.folder, 600.0).graph()
    assert sorted(store.statuses(graph.stages).values()) == ["done", "to_run", "to_run"]


def test_sigterm_is_an_interrupt_too_and_closing_is_not_interrupted() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminable():
        signal.raise_signal(signal.SIGTERM)
    with deaf():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.usefixtures("ray_work")
def test_after_sigkill_the_workers_go_and_the_next_run_goes_on_at_once(
    store: Store, marks: Marks
) -> None:
    with running_driver(store, marks) as driver:
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
    workers = marks.processes("start")
    wait_for(lambda: not any(is_alive(pid) for pid in workers), 30)
    began = time.monotonic()
    graph = make_sweep(marks.folder, 0.0).graph()
    report = run_sweep(graph, RunOptions(store.url, concurrency=2), execute=work)
    assert time.monotonic() - began < store.lease_ttl, "the dead owner's lease was waited for"
    assert report.exit_status == 0
    assert marks.counts("start") == {"quick": 1, "left": 2, "right": 2}
    for key in graph.stages:
        assert len(store.past_attempts(key)) == (
            0 if graph.stages[key].settings["name"] == "quick" else 1
        )
