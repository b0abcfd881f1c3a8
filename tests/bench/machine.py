"""What the figures were measured on: processor, versions, and how long the disk takes to make a write durable."""

import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psycopg

from tests.bench.client import percentile
from tests.bench.servers import Stores, filesystem


@dataclass(frozen=True)
class FsyncTail:
    """Milliseconds of one 8 kB write with fdatasync, alone on the disk, over `count` of them."""

    count: int
    p50: float
    p99: float
    longest: float

    def __str__(self) -> str:
        return f"p50 {self.p50:.2f} ms, p99 {self.p99:.2f} ms, longest {self.longest:.1f} ms ({self.count} writes)"


def measure_fsync(folder: Path, *, seconds: float) -> list[float]:
    """Write and sync one page after the other, as a log does, and return the seconds each took."""
    path = folder / "fsync-probe"
    taken: list[float] = []
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(handle, bytes(8192 * 64), 0)
        os.fsync(handle)
        deadline = time.perf_counter() + seconds
        while (started := time.perf_counter()) < deadline:
            os.pwrite(handle, os.urandom(8192), 8192 * (len(taken) % 64))
            os.fdatasync(handle)
            taken.append(time.perf_counter() - started)
    finally:
        os.close(handle)
        path.unlink()
    return taken


def fsync_tail(taken: list[float]) -> FsyncTail:
    ordered = sorted(taken)
    return FsyncTail(
        count=len(ordered), p50=percentile(ordered, 0.5), p99=percentile(ordered, 0.99), longest=percentile(ordered, 1)
    )


def describe(stores: Stores) -> dict[str, str]:
    """Return the facts that a figure means nothing without."""
    with psycopg.connect(stores.database_url) as connection:
        row = connection.execute("SELECT current_setting('server_version')").fetchone()
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores shared by client, servers and PostgreSQL",
        "system": f"{platform.system()} {platform.release()}, {filesystem(stores.folder)}",
        "versions": ", ".join(
            [
                f"Python {platform.python_version()}",
                f"PostgreSQL {row[0] if row else 'unknown'}",
                *(f"{name} {version(name)}" for name in ("uvicorn", "uvloop", "httptools", "psycopg", "PyNaCl")),
            ]
        ),
        "durability": "fsync=on, synchronous_commit=on, full_page_writes=on",
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
