"""Child processes that end with their parent, whatever ends the parent."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_LOG_KEPT_BYTES = 16 * 1024 * 1024
# Loaded here because nothing may be loaded between fork and exec.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Identity:
    """Who a child runs as: the caller, another user, or the caller under the name of another user."""

    user: int | None = None
    group: int | None = None
    enter: Callable[[], None] | None = field(default=None, compare=False)


CALLER = Identity()


def ends_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """Make what a child runs before exec: the kernel signals it when its parent is gone, even by SIGKILL.

    Linux only; elsewhere the child does nothing. The kernel watches the *thread* that forked: start children from
    a thread that lives as long as they do.
    """
    parent = os.getpid()

    def arrange() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # The parent died between fork and prctl.
            os._exit(1)

    return arrange


def end_with_own_parent(signal_number: signal.Signals) -> None:
    """Let this very process be signalled when its parent is gone, as when `make` is killed."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)


def start_child(
    command: Sequence[str | Path],
    *,
    log: Path | None = None,
    identity: Identity = CALLER,
    death_signal: signal.Signals = signal.SIGKILL,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    output: int | None = None,
    errors: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, so that a Ctrl-C at the terminal reaches only the supervisor."""
    arrange = ends_with_parent(death_signal)

    def before_exec() -> None:
        if identity.enter is not None:
            identity.enter()
        arrange()

    stream = _open_log(log) if log is not None else None
    try:
        return subprocess.Popen(  # noqa: S603 - a fixed argument list, no shell
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=stream if stream is not None else output,
            stderr=errors if stream is None else subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            pass_fds=pass_fds,
            start_new_session=True,
            user=identity.user,
            group=identity.group,
            extra_groups=None if identity.user is None else [],
            preexec_fn=before_exec,  # noqa: PLW1509 - children are started from the main thread; libc is loaded
            cwd="/" if identity.user is not None else None,
        )
    finally:
        if stream is not None:
            stream.close()


def stop_child(child: subprocess.Popen[bytes], *, ask: signal.Signals, seconds: float) -> bool:
    """Ask a child to end and wait; after `seconds` it is killed. True when it ended by itself."""
    if child.poll() is not None:
        return True
    child.send_signal(ask)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return False
    return True


def _open_log(path: Path) -> IO[bytes]:
    """Append to a log file that only its owner may read; the one before it is kept once it has grown large."""
    if path.exists() and path.stat().st_size > _LOG_KEPT_BYTES:
        path.replace(path.with_suffix(path.suffix + ".1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def last_lines(path: Path, *, count: int = 15) -> str:
    """Return the end of a log, for a message that says why something did not start."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])
