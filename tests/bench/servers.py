"""The servers of a run: a durable PostgreSQL of its own, a Valkey, and the programs that are measured."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql

from aim.runtime.children import last_lines, start_child, stop_child
from aim.runtime.environment import new_secrets
from aim.runtime.postgres import Postgres
from aim.runtime.valkey import Valkey
from tests.bench import processes

_MEMORY_FILESYSTEMS = {"tmpfs", "ramfs"}
_KEPT = "stores.json"
_FLOOR_TABLE = "CREATE TABLE IF NOT EXISTS floor_record (id uuid PRIMARY KEY, record bytea NOT NULL)"


class BenchProblem(Exception):  # noqa: N818 - a sentence for whoever runs the bench, printed without a traceback
    """The run cannot go on; the text says why."""


@dataclass(frozen=True)
class Stores:
    """The folder of a run, the addresses of its PostgreSQL and its Valkey, and the secrets of everything started there:
    agents' trust is signed with them, so that no process may have others.
    """

    folder: Path
    database_url: str
    redis_url: str
    postmaster: int
    secrets: Mapping[str, str] = field(default_factory=new_secrets)

    def environment(self) -> dict[str, str]:
        """Return the variables that the product and the floors are started with."""
        return {
            **self.secrets,
            **os.environ,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "DJANGO_SETTINGS_MODULE": "aim.settings",
        }

    def holds(self, table: str, verification_ids: Sequence[str]) -> bool:
        """Whether each of these ids has a record."""
        ids = [UUID(text.removeprefix("ver_")) for text in verification_ids]
        statement = sql.SQL("SELECT count(*) FROM {} WHERE id = ANY(%s)").format(sql.Identifier(table))
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement, [ids]).fetchone() == (len(ids),)

    def count(self, table: str) -> int:
        with psycopg.connect(self.database_url) as connection:
            rows = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
            return int((rows.fetchone() or (0,))[0])


@contextmanager
def kept_stores(folder: Path) -> Iterator[Stores]:
    """Start both in `folder`, with what an earlier run has left there, and leave everything there again."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # PostgreSQL runs as `nobody` when root runs the bench.
    known = folder / _KEPT
    if not known.exists():
        # Agents' keys are encrypted with these, so that they belong to the data.
        with os.fdopen(os.open(known, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(msgspec.json.encode({"password": secrets.token_urlsafe(16), **new_secrets()}))
    kept = msgspec.json.decode(known.read_bytes(), type=dict[str, str])
    with _started(folder, password=kept.pop("password"), own=kept) as running:
        yield running


@contextmanager
def stores(parent: Path, *, any_disk: bool = False) -> Iterator[Stores]:
    """Start both in a new folder below `parent`, and remove all of it afterwards.

    With `any_disk` the folder may lie in memory, which is good enough to see that the bench works.
    """
    if not any_disk and filesystem(parent) in _MEMORY_FILESYSTEMS:
        raise BenchProblem(
            f"{parent} lies in memory, where a commit costs nothing: name a folder on a disk (--folder)."
        )
    with tempfile.TemporaryDirectory(prefix="aim-bench-", dir=parent, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs as `nobody` when root runs the bench.
        with _started(folder, password=secrets.token_urlsafe(16), own=new_secrets()) as running:
            yield running


@contextmanager
def _started(folder: Path, *, password: str, own: Mapping[str, str]) -> Iterator[Stores]:
    postgres = Postgres(folder, password=password)
    valkey = Valkey(folder)
    try:
        postgres.start()
        valkey.start()
        _require_durable(postgres.url())
        yield Stores(folder, postgres.url(), valkey.url(), postgres.pid, own)
    finally:
        valkey.stop()
        postgres.stop()


def filesystem(folder: Path) -> str:
    """Return the type of the filesystem that holds `folder`; empty where the system does not tell."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return ""
    kinds = {Path(fields[1]): fields[2] for fields in map(str.split, mounts.read_text().splitlines())}
    resolved = folder.resolve()
    return next((kinds[place] for place in [resolved, *resolved.parents] if place in kinds), "")


def _require_durable(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            if row != ("on",):
                raise BenchProblem(f"{name} is {row}: figures without durable commits would mean nothing.")
        connection.execute(_FLOOR_TABLE)


@dataclass(frozen=True)
class Subject:
    """Something that is measured: one or more processes on one listening socket, and the table it records in.

    `workers` are the processes that follow its ledger.
    """

    name: str
    port: int
    children: list[subprocess.Popen[bytes]]
    table: str | None
    workers: tuple[int, ...] = ()

    def cpu_seconds(self) -> float:
        """Return the processor time of its processes so far."""
        return sum(processes.cpu_seconds(child.pid) for child in self.children)

    def resident_bytes(self) -> list[int]:
        return [processes.resident_bytes(child.pid) for child in self.children]


def start_subject(
    name: str,
    command: Sequence[str],
    *,
    stores: Stores,
    table: str | None,
    count: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Subject:
    """Start `python -m COMMAND --fd N` as often as asked for, on one socket of the loopback interface."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    log = stores.folder / f"{name.replace(' ', '-')}.log"
    try:
        port = listener.getsockname()[1]
        # Only requests that name the product's own address take its quick lane.
        surroundings = {**stores.environment(), "AIM_ORIGIN": f"http://127.0.0.1:{port}", **(environment or {})}
        children = [
            start_child(
                [sys.executable, "-m", *command, "--fd", str(listener.fileno())],
                log=log,
                death_signal=signal.SIGTERM,
                environment=surroundings,
                pass_fds=[listener.fileno()],
            )
            for _ in range(count)
        ]
    finally:
        listener.close()
    subject = Subject(name=name, port=port, children=children, table=table)
    _await_answer(subject, log)
    return subject


def stop_subject(subject: Subject) -> None:
    for child in subject.children:
        stop_child(child, ask=signal.SIGTERM, seconds=15)


def _await_answer(subject: Subject, log: Path, *, seconds: float = 60) -> None:
    """Wait until some process answers anything at all."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if any(child.poll() is not None for child in subject.children):
            raise BenchProblem(f"{subject.name} did not start:\n{last_lines(log)}")
        with socket.create_connection(("127.0.0.1", subject.port), timeout=5) as connection:
            connection.sendall(
                b"POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
            )
            try:
                if connection.recv(64):
                    return
            except TimeoutError:
                continue
    raise BenchProblem(f"{subject.name} did not answer within {seconds:.0f} s:\n{last_lines(log)}")
