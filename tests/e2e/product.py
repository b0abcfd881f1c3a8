"""A web process of one test's own, which can be stopped and started again at the same address."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aim.runtime.children import start_child, stop_child
from aim.runtime.environment import CHECKOUT
from tests.examples.product import is_ready, valkey_url
from tests.factories.timing import wait_until
from tests.runtime.processes import migrated_database_url


class OwnProduct:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._web: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """At once, when it runs already."""
        if self._web is not None:
            return
        listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "aim.settings",
            "DATABASE_URL": migrated_database_url(),
            "REDIS_URL": valkey_url(),
            "AIM_ORIGIN": self.url,
            "PYTHONPATH": str(CHECKOUT),
            "no_proxy": "127.0.0.1",
        }
        serve = [sys.executable, "-m", "aim.runtime.serve", "--fd", str(listener.fileno()), "--graceful-seconds", "1"]
        self._web = start_child(
            serve, log=self._folder / "web.log", environment=environment, pass_fds=[listener.fileno()]
        )
        listener.close()
        wait_until(lambda: is_ready(self.url), seconds=120, what=f"/readyz on {self.url}")

    def stop(self) -> None:
        if self._web is not None:
            stop_child(self._web, ask=signal.SIGTERM, seconds=10)
            self._web = None


@contextmanager
def stopped(product: OwnProduct) -> Iterator[None]:
    """The server is away inside the block, and back behind it."""
    product.stop()
    try:
        yield
    finally:
        product.start()
