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
        if self.started is None:
            return False
        text = _read(f"/proc/{self.pid}/stat")
        return not _exists(self.pid) if text is None else _start_in(text) != self.started


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
        started=_start_in(_read(f"/proc/{pid}/stat") or ""),
    )


def _start_in(stat: str) -> int | None:
    """Start of a process from its `stat` line; None where it only waits to be buried."""
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces
    return int(fields[19]) if len(fields) > 19 and fields[0] not in "ZX" else None


def _exists(pid: int) -> bool:
    """Whether there is such a process, even one that this user may not look at."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


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
