"""The whole product as one foreground process tree: what `manage.py up` starts, in which order, and what it says."""

import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from urllib.parse import urlsplit

from django.core.management import execute_from_command_line
from prometheus_client.multiprocess import mark_process_dead

from aim.runtime.children import BACKGROUND, CALLER, Identity, end_with_own_parent, last_lines, run_copy, start_child
from aim.runtime.environment import CHECKOUT, product_environment, write_environment
from aim.runtime.folders import RuntimeProblem
from aim.runtime.health import ask
from aim.runtime.postgres import Postgres
from aim.runtime.serve import listen
from aim.runtime.supervisor import Process, StopRequested, Supervisor
from aim.runtime.valkey import Valkey

READY_WITHIN_SECONDS = 120
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class Options:
    """What `manage.py up` was asked for."""

    data: Path
    host: str
    port: int
    web_processes: int
    demo: bool
    email: str
    organization: str


class Product:
    """One start of the product on one data folder. `has_people` asks the migrated database for any account."""

    def __init__(self, options: Options, *, say: Callable[[str], None], has_people: Callable[[], bool]) -> None:
        self.options = options
        self.logs = options.data / "logs"
        self._say = say
        self._has_people = has_people
        self._supervisor = Supervisor(say=say)
        self._environment: dict[str, str] = {}

    def run(self) -> None:
        """Start, serve until a signal arrives, stop. Raises `RuntimeProblem` with a sentence for the operator."""
        _refuse_plain_http_to_others(self.options.host)
        _make_folder(self.options.data)
        with _locked(self.options.data), _listening(self.options) as sock:
            self.logs.mkdir(mode=0o700, exist_ok=True)
            self._supervisor.listen_to_signals()
            if os.environ.pop("AIM_UP_ENDS_WITH_PARENT", ""):  # Set by `make up`.
                end_with_own_parent(signal.SIGTERM)
            try:
                self._start(sock)
                self._supervisor.watch()
            except StopRequested:
                self._say("Stopping.")
            finally:
                self._supervisor.stop()
        self._say("Stopped. The data stays where it is.")

    def _start(self, sock: socket) -> None:
        began = time.monotonic()
        port = sock.getsockname()[1]
        shown = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        origin = os.environ.setdefault("AIM_ORIGIN", f"http://{shown}:{port}")
        self._say(f"AIM starts with its data in {self.options.data}")
        own = product_environment(self.options.data)
        write_environment(self.options.data, {**own, "AIM_ORIGIN": origin})
        self._start_servers(own)
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "aim.settings"}
        with self._timed("Migrations"):
            # The web process makes all checks before it serves; nothing is migrated under settings that it refuses.
            self._manage_in_copy(["check", "--tag", "security"], ["migrate", "--noinput", "--skip-checks"])
        with self._timed("Web, worker, beat"):
            self._start_programs(sock)
            self._await_ready(port)
        self._say(f"\nReady after {time.monotonic() - began:.1f} s: {origin}")
        self._first_admin()
        if self.options.demo:
            self._demo()
        self._say(f"  data and logs      {self.options.data}\n  stop               Ctrl-C\n")

    def _start_servers(self, own: Mapping[str, str]) -> None:
        """Start those servers whose address is the data folder's own; any other address is a server that runs."""
        if os.environ["DATABASE_URL"] == own["DATABASE_URL"]:
            password = urlsplit(own["DATABASE_URL"]).password
            assert password is not None
            with self._timed("PostgreSQL"):
                self._supervisor.start("PostgreSQL", Postgres(self.options.data, password=password))
        if os.environ["REDIS_URL"] == own["REDIS_URL"]:
            with self._timed("Valkey"):
                self._supervisor.start("Valkey", Valkey(self.options.data))

    def _start_programs(self, sock: socket) -> None:
        metrics = self.options.data / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(mode=0o700)
        self._environment["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        for number in range(1, self.options.web_processes + 1):
            name = "web" if self.options.web_processes == 1 else f"web-{number}"
            serve = ["-m", "aim.runtime.serve", "--fd", str(sock.fileno()), "--graceful-seconds", "3"]
            self._start_program(name, serve, pass_fds=[sock.fileno()])
        for name, arguments in worker_and_beat(self.options.data).items():
            self._start_program(name, arguments, identity=BACKGROUND)

    def _start_program(
        self,
        name: str,
        arguments: list[str],
        *,
        pass_fds: list[int] | None = None,
        essential: bool = True,
        identity: Identity = CALLER,
    ) -> None:
        process = Process(
            [sys.executable, *arguments],
            log=self.logs / f"{name}.log",
            environment=self._environment,
            pass_fds=pass_fds or [],
            after_death=self._forget_gauges,
            identity=identity,
        )
        self._supervisor.start(name, process, essential=essential)

    def _forget_gauges(self, pid: int) -> None:
        """Take a dead process's share out of the gauges that add up living processes."""
        mark_process_dead(pid, self._environment["PROMETHEUS_MULTIPROC_DIR"])  # type: ignore[no-untyped-call]

    def _await_ready(self, port: int) -> None:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        answer = ""

        def ready() -> bool:
            nonlocal answer
            if time.monotonic() > deadline:
                raise RuntimeProblem(f"AIM is not ready after {READY_WITHIN_SECONDS} s. /readyz said: {answer}")
            status, answer = ask("/readyz", host=self.options.host, port=port)
            return status == http.client.OK

        self._supervisor.watch(until=ready)

    def _first_admin(self) -> None:
        """Make the first account when there is none; its password is shown here and nowhere else."""
        if self._has_people():
            return
        account = ["--email", self.options.email, "--organization", self.options.organization]
        made = json.loads(self._manage_in_copy(["createadmin", *account, "--json"]).splitlines()[-1])
        self._say(f"  sign in as         {made['email']}")
        self._say(f"  one-time password  {made['password']}   (shown this once)")
        self._say(f"  API token          {made['token']}   (shown this once)")

    def _demo(self) -> None:
        """Make the demonstration here, so that its sign-in is shown and stands in no log; then let its agents act."""
        self._say("\n" + self._manage("demo", "--prepare").rstrip("\n"))
        self._start_program("demo", [str(CHECKOUT / "manage.py"), "demo"], essential=False)

    def _manage(self, *arguments: str) -> str:
        """Run one management command to its end and return what it printed; its complaints go to the log."""
        log = self.logs / f"{arguments[0]}.log"
        with log.open("ab") as complaints:
            log.chmod(0o600)
            child = start_child(
                [sys.executable, CHECKOUT / "manage.py", *arguments],
                environment=self._environment,
                output=subprocess.PIPE,
                errors=complaints,
            )
            printed, _ = child.communicate()
        if child.returncode != 0:
            raise RuntimeProblem(f"`manage.py {arguments[0]}` failed. The end of {log}:\n{last_lines(log)}")
        return printed.decode()

    def _manage_in_copy(self, *commands: list[str]) -> str:
        """As `_manage`, one command after the other, in a copy of this process, whose settings they share.

        These know no AIM_ORIGIN but the one that was given, which they have no need of.
        """
        name = commands[-1][0]
        log = self.logs / f"{name}.log"
        with log.open("ab") as complaints:
            log.chmod(0o600)
            code, printed = run_copy(lambda: _execute(commands), errors=complaints)
        if code != 0:
            raise RuntimeProblem(f"`manage.py {name}` failed. The end of {log}:\n{last_lines(log)}")
        return printed.decode()

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._say(f"  {what:<18} {time.monotonic() - began:4.1f} s")


def _execute(commands: Sequence[list[str]]) -> None:
    for command in commands:
        execute_from_command_line(["manage.py", *command])


def worker_and_beat(data: Path) -> dict[str, list[str]]:
    """The arguments of Python for each of the two; beat keeps its schedule in the folder `data`."""
    celery = ["-m", "celery", "-A", "aim"]
    alone = ["--without-gossip", "--without-mingle"]
    return {
        "worker": [*celery, "worker", "--pool", "threads", "-c", "4", "-l", "INFO", *alone],
        "beat": [*celery, "beat", "-l", "INFO", "--pidfile=", "-s", str(data / "beat-schedule")],
    }


def _refuse_plain_http_to_others(host: str) -> None:
    if host not in _LOOPBACK and not os.environ.get("AIM_ORIGIN", "").startswith("https://"):
        raise RuntimeProblem(
            f"Plain HTTP is served on the loopback interface only, not on {host}. Put a proxy with TLS in front "
            "and set AIM_ORIGIN=https://your.name (see docs/operations.md)."
        )


def _make_folder(folder: Path) -> None:
    """Root's servers run as `nobody`, who must be able to pass through; what lies inside is private by itself."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_uid == os.getuid():
            folder.chmod(0o711 if os.getuid() == 0 else 0o700)
        (folder / "lock").touch(mode=0o600)
    except OSError as error:
        raise RuntimeProblem(f"{folder} cannot be used: {error.strerror}. Choose another with --data DIR.") from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the data folder for this process; the kernel lets go of it however the process ends."""
    with (folder / "lock").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeProblem(
                f"AIM already runs on {folder} (process {lock.read().strip() or 'unknown'}). "
                "Stop it first, or start a second one with --data DIR and --port N."
            ) from None
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def _listening(options: Options) -> Iterator[socket]:
    try:
        sock = listen(host=options.host, port=options.port)
    except OSError as error:
        raise RuntimeProblem(
            f"Port {options.port} on {options.host} cannot be used: {error.strerror or error}. "
            "Choose another with --port N."
        ) from error
    with sock:
        yield sock
