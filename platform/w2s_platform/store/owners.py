"""Who holds a lease, and whether that process still lives."""

import os
import socket
from functools import cache
from pathlib import Path

from w2s_platform.store.records import Record


class Owner(Record):
    """A process, identified so that no later one is taken for it."""

    host: str
    boot: str | None
    """Changes when the machine restarts; None where the system doesn't tell."""
    namespace: str | None
    """Two containers of one machine count processes separately."""
    pid: int
    started: int | None
    """Clock ticks from boot to the process's start: a reused pid differs in it."""

    def shares_machine(self, other: "Owner") -> bool:
        """Whether the two see each other's processes and clocks."""
        here, there = (
            (self.host, self.boot, self.namespace),
            (other.host, other.boot, other.namespace),
        )
        return here == there and None not in here

    def is_dead(self) -> bool:
        """Whether the process is gone for certain. Ask only on a machine that it shares."""
        return self.started is not None and _start_of(self.pid) != self.started


def this_process() -> Owner:
    """The calling process."""
    return _owner(os.getpid())


@cache
def _owner(pid: int) -> Owner:  # by pid, since a forked child inherits the cache
    return Owner(
        host=socket.gethostname(),
        boot=_read("/proc/sys/kernel/random/boot_id"),
        namespace=_link("/proc/self/ns/pid"),
        pid=pid,
        started=_start_of(pid),
    )


def _start_of(pid: int) -> int | None:
    """Start of a living process; None where there is none, or it only waits to be buried."""
    text = _read(f"/proc/{pid}/stat")
    if text is None:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold spaces
    return None if fields[0] in "ZX" else int(fields[19])


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def _link(path: str) -> str | None:
    try:
        return str(Path(path).readlink())
    except OSError:
        return None
