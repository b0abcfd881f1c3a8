"""A web process and a worker of the product on the test session's servers, with an admin of its own organization."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from aim.runtime.children import start_child, stop_child
from aim.runtime.environment import CHECKOUT
from tests.factories.timing import wait_until
from tests.runtime.processes import migrated_database_url

VALKEY_DATABASE = 61


@dataclass(frozen=True)
class RunningProduct:
    """Its address, the token of its admin, and the variables that its programs are started with."""

    url: str
    token: str
    environment: dict[str, str]

    def get(self, path: str) -> dict[str, Any]:
        """Return what the API answers the admin."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, body
            content: dict[str, Any] = json.loads(body)
            return content
        finally:
            connection.close()


@contextmanager
def running_product(
    folder: Path, *, worker: bool = False, people: bool = True, **variables: str
) -> Iterator[RunningProduct]:
    """Start it, with further variables, wait until it is ready, and stop it.

    Without `people` there is no organization yet, and no token.
    A worker seals and follows the whole ledger: give it a database that no test of this process looks at.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "aim.settings",
        "DATABASE_URL": migrated_database_url(),
        "REDIS_URL": valkey_url(),
        "AIM_ORIGIN": url,
        "PYTHONPATH": str(CHECKOUT),
        "no_proxy": "127.0.0.1",
        **variables,
    }
    serve = [sys.executable, "-m", "aim.runtime.serve", "--fd", str(listener.fileno()), "--graceful-seconds", "1"]
    web = start_child(serve, log=folder / "web.log", environment=environment, pass_fds=[listener.fileno()])
    celery = [sys.executable, "-m", "celery", "-A", "aim", "worker", "--pool", "threads", "-c", "1"]
    work = [*celery, "--without-gossip", "--without-mingle"]
    working = start_child(work, log=folder / "worker.log", environment=environment) if worker else None
    try:
        listener.close()
        wait_until(lambda: is_ready(url), seconds=120, what=f"/readyz on {url}")
        yield RunningProduct(url, _admin_token(environment) if people else "", environment)
    finally:
        stop_child(web, ask=signal.SIGTERM, seconds=10)
        if working is not None:
            stop_child(working, ask=signal.SIGTERM, seconds=10)


def _admin_token(environment: dict[str, str]) -> str:
    name = uuid4().hex
    account = ["--email", f"{name}@example.com", "--organization", f"Examples {name}", "--json"]
    made = subprocess.run(
        [sys.executable, "manage.py", "createadmin", *account],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        check=True,
    )
    return str(json.loads(made.stdout)["token"])


def is_ready(url: str) -> bool:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def valkey_url() -> str:
    base = os.environ["REDIS_URL"].partition("?")[0]
    return f"{base}?db={VALKEY_DATABASE}" if base.startswith("unix:") else base
