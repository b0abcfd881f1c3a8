"""Keeps processes of one kind alive: whatever ends one, another follows at once.

The program is loaded before it is forked, so that hundreds of restarts take seconds.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from aim.runtime.children import end_with_own_parent

_SOON = 0.5


class Manager:
    def __init__(self, work: Callable[[], object], *, pids: Path, processes: int) -> None:
        self._work = work
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
            self._run_child()
        self._started[pid] = time.monotonic()

    def _run_child(self) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_with_own_parent(signal.SIGKILL)
        try:
            self._work()
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
