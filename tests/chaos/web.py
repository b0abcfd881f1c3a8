"""Web processes under a small manager: `python -m tests.chaos.web --fd N`. Whatever ends one, another follows at once.

The application is loaded before it is forked, so that hundreds of restarts take seconds; each process starts its own
engine, as `aim.runtime.serve` does.
"""

import argparse
import os
import signal
import socket
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from aim.runtime.children import end_with_own_parent
from aim.runtime.serve import serve

_SOON = 0.5


class Manager:
    def __init__(self, sock: socket.socket, *, pids: Path, processes: int) -> None:
        self._sock = sock
        self._pids = pids
        self._processes = processes
        self._started: dict[int, float] = {}

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        while True:
            while len(self._started) < self._processes:
                self._fork()
            self._tell()
            ended, status = os.wait()
            alive = time.monotonic() - self._started.pop(ended)
            if not os.WIFSIGNALED(status) and alive < _SOON:
                # A process that cannot start must not keep the machine busy.
                time.sleep(_SOON)

    def _fork(self) -> None:
        pid = os.fork()
        if pid == 0:
            self._serve()
        self._started[pid] = time.monotonic()

    def _serve(self) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_with_own_parent(signal.SIGKILL)
        try:
            serve(self._sock, graceful_seconds=1)
        finally:
            os._exit(0)

    def _tell(self) -> None:
        """The ids of the living, one a line, replaced in one step."""
        unfinished = self._pids.with_suffix(".new")
        unfinished.write_text("\n".join(map(str, self._started)))
        unfinished.replace(self._pids)

    def _stop(self, *_: object) -> NoReturn:
        for pid in self._started:
            os.kill(pid, signal.SIGKILL)
        sys.exit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--pids", type=Path, required=True)
    parser.add_argument("--arm", type=Path, required=True)
    parser.add_argument("--processes", type=int, required=True)
    options = parser.parse_args()
    # Sets Django up, in the manager already; nothing of the product may be imported before.
    import_module("aim.asgi")
    import_module("tests.chaos.kill_points").KillPoints(options.arm).install()
    Manager(socket.socket(fileno=options.fd), pids=options.pids, processes=options.processes).run()


if __name__ == "__main__":
    main()
