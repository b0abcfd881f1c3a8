"""An installation of the product to be broken at will: its own PostgreSQL, Valkey, socket and web processes."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from celery import Celery

from aim.runtime.children import start_child, stop_child
from aim.runtime.environment import new_secrets
from aim.runtime.folders import RuntimeProblem
from aim.runtime.postgres import Postgres
from aim.runtime.serve import listen
from aim.runtime.valkey import Valkey

CHECKOUT = Path(__file__).resolve().parent.parent.parent
_PROGRAM = [sys.executable, "-m", "tests.chaos.web"]
# To load the product takes longer than to make an admin.
_MAKE_ADMINS = """
import secrets
from django.core.management import call_command
for _ in range({}):
    name = secrets.token_hex(6)
    call_command("createadmin", email=f"{{name}}@example.com", organization=f"Chaos {{name}}", json=True)
"""


class Installation:
    """Started by `start`, and gone after `stop`. Call both, and all that starts a server, from one thread.

    PostgreSQL keeps its data in `disk`, a folder of its own so that a fault may put a small file system there.
    `admins` are made at a time, each of an organization of its own.
    """

    def __init__(self, *, admins: int = 16) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="aim-chaos-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        for folder in (self.folder, self.disk):
            folder.chmod(0o711)  # PostgreSQL runs as `nobody` when root runs the tests.
        # Nothing durable is switched off: that is what this suite is about. The time of each commit is kept to tell
        # which of two transactions came first.
        self.postgres = Postgres(
            self.disk, password=secrets.token_urlsafe(16), settings={"track_commit_timestamp": "on"}
        )
        self.valkey = Valkey(self.folder)
        self.secrets = new_secrets()
        self.socket = listen(host="127.0.0.1", port=0)
        self.port: int = self.socket.getsockname()[1]
        self.arm = self.folder / "armed"
        self._pids = self.folder / "web.pids"
        self._manager: subprocess.Popen[bytes] | None = None
        self._surroundings: Mapping[str, str] = {}
        self.processes = 0
        self._admins = admins
        self._admins_in_stock: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, processes: int) -> None:
        self.postgres.start()
        self.valkey.start()
        self.manage("migrate", "--noinput")
        self.serve(processes=processes)

    def stop_servers(self) -> None:
        self.stop_web()
        self.postgres.stop()
        self.valkey.stop()

    def stop(self) -> None:
        self.stop_servers()
        self.socket.close()
        self._temporary.cleanup()

    def serve(self, *, processes: int, environment: Mapping[str, str] | None = None) -> None:
        """Have so many web processes on the one socket, with these variables beside the usual ones."""
        surroundings = environment or {}
        if processes == self.processes and surroundings == self._surroundings:
            return
        self.stop_web()
        self._pids.unlink(missing_ok=True)
        options: list[str | Path] = ["--fd", str(self.socket.fileno()), "--pids", self._pids, "--arm", self.arm]
        self._manager = start_child(
            [*_PROGRAM, *options, "--processes", str(processes)],
            log=self.folder / "web.log",
            environment={**self._environment(), **surroundings},
            pass_fds=[self.socket.fileno()],
        )
        self.processes, self._surroundings = processes, surroundings
        wait_until(lambda: len(self.web_pids()) == processes, what="the web processes", seconds=120)

    @contextmanager
    def working(self, *, processes: int, environment: Mapping[str, str] | None = None) -> Iterator["Workers"]:
        """So many worker processes until the block is left, with these variables beside the usual ones."""
        pids = self.folder / "worker.pids"
        pids.unlink(missing_ok=True)
        manager = start_child(
            [sys.executable, "-m", "tests.chaos.worker", "--pids", pids, "--processes", str(processes)],
            log=self.folder / "worker.log",
            environment={**self._environment(), **(environment or {})},
        )
        workers = Workers(self, pids, processes)
        try:
            workers.wait()
            yield workers
        finally:
            workers.close()
            stop_child(manager, ask=signal.SIGTERM, seconds=5)

    def manage(self, *arguments: str) -> str:
        """Run a management command of the product and return what it printed."""
        done = subprocess.run(
            [sys.executable, CHECKOUT / "manage.py", *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def new_admin(self) -> dict[str, Any]:
        """What `createadmin` said of one whose organization nobody else has."""
        if not self._admins_in_stock:
            made = self.manage("shell", "--no-imports", "-c", _MAKE_ADMINS.format(self._admins))
            self._admins_in_stock = [json.loads(line) for line in made.splitlines()]
        return self._admins_in_stock.pop()

    def web_pids(self) -> list[int]:
        return read_pids(self._pids)

    def renew_web(self) -> None:
        """Kill all web processes and wait for the next ones."""
        before = self.web_pids()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: len(pids := self.web_pids()) == self.processes and not set(pids) & set(before),
            what="new web processes",
        )

    def superuser(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A session of its own that the product knows nothing of."""
        return psycopg.connect(
            host=str(self.postgres.sockets),
            user="postgres",
            password=(self.disk / "postgres-superuser").read_text(),
            dbname="aim",
            autocommit=True,
        )

    def kill_postgres(self, how: signal.Signals) -> None:
        """SIGKILL ends the postmaster at once, SIGQUIT is the immediate stop; neither writes anything more."""
        child = self.postgres.child
        assert child is not None
        child.send_signal(how)
        child.wait()

    def restart_postgres(self) -> None:
        """Start again, as soon as the orphans of the killed one have let go of its memory."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return self.postgres.start()
            except RuntimeProblem:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop_web(self) -> None:
        if self._manager is not None:
            stop_child(self._manager, ask=signal.SIGTERM, seconds=5)
            self._manager, self.processes = None, 0

    def _environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ},
            "PYTHONPATH": str(CHECKOUT),
            "DJANGO_SETTINGS_MODULE": "aim.settings",
            "DATABASE_URL": self.postgres.url(),
            "REDIS_URL": self.valkey.url(),
            **self.secrets,
            "AIM_ORIGIN": self.url,
            "AIM_LOG_LEVEL": "WARNING",
        }


class Workers:
    """The worker processes of an installation."""

    def __init__(self, site: Installation, pids: Path, processes: int) -> None:
        self._pids = pids
        self._processes = processes
        self._celery = Celery(
            set_as_current=False, broker=f"redis+socket://{site.valkey.sockets / 'valkey.sock'}?virtual_host=0"
        )

    def wait(self) -> None:
        wait_until(lambda: len(read_pids(self._pids)) == self._processes, what="the workers", seconds=60)

    def close(self) -> None:
        self._celery.close()

    def kill(self) -> None:
        """SIGKILL for all of them; others follow at once."""
        before = read_pids(self._pids)
        for pid in before:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: len(pids := read_pids(self._pids)) == self._processes and not set(pids) & set(before),
            what="new workers",
        )

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """None of them does anything until the block is left: what is to be done meanwhile waits for them."""
        pids = read_pids(self._pids)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def send(self, name: str, *arguments: str) -> None:
        """Put a task on the queue, as beat and the web processes do."""
        self._celery.send_task(name, arguments, queue="aim", ignore_result=True)


def read_pids(file: Path) -> list[int]:
    try:
        return [int(line) for line in file.read_text().split()]
    except FileNotFoundError:
        return []


def wait_until(condition: Callable[[], object], *, what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {seconds} s")
        time.sleep(0.01)
