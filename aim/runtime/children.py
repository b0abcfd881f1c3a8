"""Child processes that end with their parent, whatever ends the parent."""

import ctypes
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn

_PR_SET_PDEATHSIG = 1
_LOG_KEPT_BYTES = 16 * 1024 * 1024
# Loaded here because nothing may be loaded between fork and exec.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Identity:
    """Who a child runs as: the caller, another user, or the caller under the name of another user.

    `niceness` is added to the caller's own: whoever has more waits for the others where processors are short.
    """

    user: int | None = None
    group: int | None = None
    enter: Callable[[], None] | None = field(default=None, compare=False)
    niceness: int = 0


CALLER = Identity()
# What nobody waits for comes after the web processes.
BACKGROUND = Identity(niceness=5)


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
        os.nice(identity.niceness)
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


def run_copy(work: Callable[[], None], *, errors: IO[bytes]) -> tuple[int, bytes]:
    """Run `work` in a copy of this process, which has loaded what a new program would take seconds to load.

    Return its exit code and what it printed; `errors` gets its complaints. The caller must have one thread only and
    hold no connection to a server. The copy ends with its parent, and signals do to it what they do by default.
    """
    arrange = ends_with_parent(signal.SIGKILL)
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    copy = os.fork()
    if copy == 0:
        _end_after(work, arrange, output=writing, errors=errors.fileno())
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        printed = stream.read()
    return os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]), printed


def _end_after(work: Callable[[], None], arrange: Callable[[], None], *, output: int, errors: int) -> NoReturn:
    """In the copy: nothing of the original, such as its handlers for the end, may run here."""
    code: object = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        arrange()
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(errors, 2)
        work()
        code = 0
    except SystemExit as end:
        code = end.code or 0
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
    except BaseException:  # noqa: BLE001 - whatever it is, it ends here and is told in the log
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


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
