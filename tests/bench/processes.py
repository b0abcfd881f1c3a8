"""What processes use, from /proc (Linux); elsewhere these figures stay 0."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
# Positions in /proc/PID/stat behind the command's closing bracket (proc_pid_stat(5)).
_PARENT, _USER, _SYSTEM = 1, 11, 12
# Positions in the first line of /proc/stat that are no work: idle and iowait; guest times are counted twice there.
_IDLE = {3, 4}
_COUNTED = 8
_LOOK_SECONDS = 0.4
QUIET_CORES = 0.2
"""More work of others than this disturbs a run."""


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used so far; 0 when there is none of that id."""
    fields = _stat(pid)
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS if fields else 0.0


def session_seconds(pid: int) -> float:
    """Return the processor time of a process of one thread, such as a session of PostgreSQL, to the nanosecond."""
    try:
        return int((_PROC / str(pid) / "schedstat").read_text().split()[0]) / 1e9
    except (OSError, IndexError):
        return cpu_seconds(pid)


def thread_seconds(native_id: int) -> float:
    """Return the processor time of a thread of this process, by the id that the system gave it."""
    return session_seconds(native_id)


@contextmanager
def urgent(pids: Sequence[int]) -> Iterator[None]:
    """Let these processes and this one run before everything else on the machine (SCHED_RR; needs root, Linux)."""
    _schedule(pids, os.SCHED_RR, 1)
    try:
        yield
    finally:
        _schedule(pids, os.SCHED_OTHER, 0)


def _schedule(pids: Sequence[int], policy: int, priority: int) -> None:
    for pid in (*pids, os.getpid()):
        for thread in (_PROC / str(pid) / "task").glob("*"):
            # Threads and sessions come and go.
            with suppress(ProcessLookupError):
                os.sched_setscheduler(int(thread.name), policy, os.sched_param(priority))


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is in RAM."""
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class CpuMeter:
    """Who uses the processors from its making on: the servers, the worker beside them, PostgreSQL, this process and
    everybody else.
    """

    def __init__(self, *, servers: Sequence[int], workers: Sequence[int] = (), postmaster: int) -> None:
        self._servers = servers
        self._workers = workers
        self._postmaster = postmaster
        self._before = self._read()

    def used(self) -> dict[str, float]:
        """Return processor seconds since the start by `server`, `worker`, `postgres`, `client` and `others`."""
        after = self._read()
        used = {name: round(after[name] - self._before[name], 3) for name in after}
        busy = used.pop("all")
        return {**used, "others": round(max(0.0, busy - sum(used.values())), 3)}

    def _read(self) -> dict[str, float]:
        return {
            "all": _busy_seconds(),
            "server": sum(cpu_seconds(pid) for pid in self._servers),
            "worker": sum(cpu_seconds(pid) for pid in self._workers),
            "postgres": sum(session_seconds(pid) for pid in sessions_of(self._postmaster)),
            "client": time.process_time(),
        }


def wait_for_quiet(seconds: float) -> None:
    """Wait until nobody uses the machine, or until `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        before = _busy_seconds()
        time.sleep(_LOOK_SECONDS)
        if (_busy_seconds() - before) / _LOOK_SECONDS < QUIET_CORES:
            return


def _busy_seconds() -> float:
    try:
        fields = (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    return sum(int(value) for place, value in enumerate(fields[:_COUNTED]) if place not in _IDLE) / _TICKS


def sessions_of(parent: int) -> list[int]:
    """The processes of PostgreSQL's sessions: each is a child of its postmaster."""
    if not parent or not _PROC.exists():
        return []
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (fields := _stat(pid)) and int(fields[_PARENT]) == parent]


def _stat(pid: int) -> list[str]:
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
