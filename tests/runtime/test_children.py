import os
import signal
import subprocess
import sys

import pytest

from aim.runtime.children import BACKGROUND, last_lines, start_child, stop_child
from tests.factories.timing import wait_until
from tests.runtime.processes import alive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")

DEAF_CHILD = """
import sys, time
from aim.runtime.children import start_child
child = start_child([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
WILLING_CHILD = """
import subprocess, sys, time
from tests.factories.timing import wait_until
script = "import os, signal, time; from aim.runtime.children import end_with_own_parent; "
script += "end_with_own_parent(signal.SIGTERM); print(os.getpid(), flush=True); time.sleep(60)"
subprocess.Popen([sys.executable, "-c", script])
time.sleep(60)
"""
# What a copy of a process does is said by a process of its own: that of the tests has more than one thread.
COPY = """
import os, signal, sys, time
from pathlib import Path
from aim.runtime.children import run_copy

print("before")
signal.signal(signal.SIGTERM, signal.SIG_IGN)

def work():
    print("worked", os.getsid(0) == os.getpid(), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
    print("told", file=sys.stderr)

def fail():
    raise ValueError("no good")

def wait():
    print(os.getpid(), file=sys.stderr, flush=True)
    time.sleep(60)

with Path(sys.argv[1]).open("wb") as errors:
    print(run_copy(work, errors=errors))
    print(run_copy(fail, errors=errors))
    print(run_copy(lambda: sys.exit(3), errors=errors))
    print(run_copy(lambda: sys.exit("with a sentence"), errors=errors), flush=True)
    run_copy(wait, errors=errors)
"""


def test_a_copy_works_and_ends_by_itself_or_with_its_parent(tmp_path):
    errors = tmp_path / "errors"
    with subprocess.Popen([sys.executable, "-c", COPY, str(errors)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        lines = [parent.stdout.readline().rstrip() for _ in range(5)]
        wait_until(lambda: waits(errors), what="the copy that waits")
        parent.kill()
    assert lines == ["before", r"(0, b'worked True True\n')", "(1, b'')", "(3, b'')", "(1, b'')"]
    told, *_trace, error, sentence, waiting = said(errors)
    assert (told, error, sentence) == ("told", "ValueError: no good", "with a sentence")
    wait_until(lambda: not alive(int(waiting)), what="the copy's end")


def waits(errors):
    return said(errors)[-1].isdecimal()


def said(errors):
    return last_lines(errors).split("\n")


def test_what_nobody_waits_for_comes_after_the_others():
    child = start_child(["sleep", "60"], identity=BACKGROUND)
    try:
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == min(19, os.nice(0) + BACKGROUND.niceness)
    finally:
        stop_child(child, ask=signal.SIGTERM, seconds=60)


@pytest.mark.requirement("O.1")
@pytest.mark.parametrize("script", [DEAF_CHILD, WILLING_CHILD])
def test_a_child_ends_when_its_parent_is_killed(script):
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
    wait_until(lambda: not alive(child), what="the child's end")


def test_a_child_leads_a_session_of_its_own():
    child = start_child(["sleep", "60"])
    try:
        assert os.getsid(child.pid) == child.pid
    finally:
        assert stop_child(child, ask=signal.SIGTERM, seconds=60) is True
    assert child.returncode == -signal.SIGTERM


def test_a_child_that_does_not_listen_is_killed(tmp_path):
    log = tmp_path / "child.log"
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    child = start_child([sys.executable, "-c", script], log=log)
    wait_until(lambda: "deaf" in last_lines(log))
    assert stop_child(child, ask=signal.SIGTERM, seconds=0.2) is False
    assert child.returncode == -signal.SIGKILL


def test_a_log_is_private_and_is_put_aside_when_large(tmp_path):
    log = tmp_path / "child.log"
    start_child(["echo", "hello"], log=log).wait()
    assert last_lines(log) == "hello"
    assert log.stat().st_mode & 0o777 == 0o600
    os.truncate(log, 20 * 1024 * 1024)
    start_child(["echo", "again"], log=log).wait()
    assert log.read_text() == "again\n"
    assert (tmp_path / "child.log.1").stat().st_size == 20 * 1024 * 1024
