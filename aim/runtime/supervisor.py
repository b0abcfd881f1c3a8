"""Keeps a list of services running: starts them in order, restarts what dies, stops all in reverse order."""

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aim.runtime.children import CALLER, Identity, last_lines, start_child, stop_child
from aim.runtime.folders import RuntimeProblem

RESTARTS_ALLOWED = 5
RESTART_WINDOW_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.5
_LOOK_EVERY_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 8.0


class StopRequested(BaseException):
    """SIGINT, SIGTERM or SIGHUP arrived; raised in the main thread wherever it is, so that nothing has to poll."""


class Service(Protocol):
    """Something with one process: PostgreSQL, Valkey, or a `Process`."""

    log: Path
    child: subprocess.Popen[bytes] | None

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Process:
    """A program of the product itself, which writes its log to a file.

    `after_death` gets the process id of one that died, before the next is started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        grace_seconds: float = 5,
        after_death: Callable[[int], None] | None = None,
        identity: Identity = CALLER,
    ) -> None:
        self.command = command
        self.log = log
        self.environment = environment
        self.pass_fds = pass_fds
        self.grace_seconds = grace_seconds
        self.after_death = after_death
        self.identity = identity
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.child is not None and self.after_death is not None:
            self.after_death(self.child.pid)
        self.child = start_child(
            self.command,
            log=self.log,
            environment=self.environment,
            pass_fds=self.pass_fds,
            identity=self.identity,
        )

    def stop(self) -> None:
        if self.child is None:
            return
        stop_child(self.child, ask=signal.SIGTERM, seconds=self.grace_seconds)
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)  # What it started itself; each child leads its own group.
        self.child = None


@dataclass
class _Watched:
    name: str
    service: Service
    essential: bool
    ended: deque[float] = field(default_factory=deque)
    restart_at: float | None = None
    given_up: bool = False


class Supervisor:
    """Runs in the main thread, because children end with the thread that started them."""

    def __init__(self, *, say: Callable[[str], None], first_pause: float = FIRST_PAUSE_SECONDS) -> None:
        self._say = say
        self._first_pause = first_pause
        self._watched: list[_Watched] = []

    def listen_to_signals(self) -> None:
        """Turn the three signals that end a terminal's program into `StopRequested`."""

        def request_stop(_number: int, _frame: object) -> None:
            raise StopRequested

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, request_stop)

    def start(self, name: str, service: Service, *, essential: bool = True) -> None:
        """Start a service and keep it running. One that is not essential may fail without ending the others."""
        self._watched.append(_Watched(name, service, essential))
        service.start()

    def watch(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Look after the services until `until()` is true; `StopRequested` or `RuntimeProblem` end it otherwise."""
        while not until():
            for watched in self._watched:
                self._look_at(watched)
            time.sleep(_LOOK_EVERY_SECONDS)

    def stop(self) -> None:
        """Stop everything in reverse order. A second Ctrl-C changes nothing: each stop is bounded in time."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        while self._watched:
            self._watched.pop().service.stop()

    def _look_at(self, watched: _Watched) -> None:
        now = time.monotonic()
        if watched.given_up:
            return
        if watched.restart_at is not None:
            if now >= watched.restart_at:
                watched.restart_at = None
                self._restart(watched)
            return
        child = watched.service.child
        if child is None or (code := child.poll()) is None:
            return
        if code == 0 and not watched.essential:
            watched.given_up = True
            return
        self._plan_restart(watched, how=_how_it_ended(code))

    def _restart(self, watched: _Watched) -> None:
        try:
            watched.service.start()
        except RuntimeProblem as problem:
            self._plan_restart(watched, how=str(problem))

    def _plan_restart(self, watched: _Watched, *, how: str) -> None:
        now = time.monotonic()
        watched.ended.append(now)
        while watched.ended[0] < now - RESTART_WINDOW_SECONDS:
            watched.ended.popleft()
        if len(watched.ended) > RESTARTS_ALLOWED:
            self._give_up(watched)
            return
        pause = min(_LONGEST_PAUSE_SECONDS, self._first_pause * 2 ** (len(watched.ended) - 1))
        watched.restart_at = now + pause
        self._say(f"{watched.name} {how}; starting it again in {pause:.1f} s (its log: {watched.service.log})")

    def _give_up(self, watched: _Watched) -> None:
        text = f"{watched.name} ended {len(watched.ended)} times within a minute and is not started again."
        if watched.essential:
            raise RuntimeProblem(f"{text} The end of {watched.service.log}:\n{last_lines(watched.service.log)}")
        watched.given_up = True
        self._say(f"{text} Its log: {watched.service.log}")


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
