import os
import sys
import time

import pytest

from aim.runtime.folders import RuntimeProblem
from aim.runtime.supervisor import Process, Supervisor
from tests.factories.timing import PATIENCE_SECONDS, wait_until
from tests.runtime.processes import alive


@pytest.fixture
def said():
    return []


@pytest.fixture
def supervisor(said):
    supervisor = Supervisor(say=said.append, first_pause=0.01)
    yield supervisor
    while supervisor._watched:
        supervisor._watched.pop().service.stop()


def python(tmp_path, script, **options):
    command = [sys.executable, "-c", script]
    return Process(command, log=tmp_path / "child.log", environment=dict(os.environ), **options)


def test_what_dies_is_started_again_and_the_operator_is_told(supervisor, said, tmp_path):
    dead: list[int] = []
    process = python(tmp_path, "import time; time.sleep(60)", after_death=dead.append)
    supervisor.start("worker", process)
    first = process.child.pid
    assert dead == []
    process.child.kill()
    supervisor.watch(until=lambda: process.child.pid != first)
    assert alive(process.child.pid)
    assert dead == [first]
    assert said == [
        f"worker was ended by SIGKILL; starting it again in 0.0 s (its log: {process.log})",
    ]


def test_what_keeps_dying_ends_everything_with_the_end_of_its_log(supervisor, said, tmp_path):
    process = python(tmp_path, "print('no such table'); raise SystemExit(3)")
    supervisor.start("web", process)
    with pytest.raises(RuntimeProblem, match=r"web ended 6 times .*(\n.*)*no such table"):
        supervisor.watch()
    assert len(said) == 5
    assert "web ended with exit code 3" in said[0]


def test_what_is_not_essential_ends_alone(supervisor, said, tmp_path):
    process = python(tmp_path, "raise SystemExit(3)")
    supervisor.start("demo", process, essential=False)
    supervisor.watch(until=lambda: any("not started again" in text for text in said))
    deadline = time.monotonic() + 0.3
    supervisor.watch(until=lambda: time.monotonic() > deadline)
    assert len(said) == 6


def test_what_is_not_essential_may_come_to_its_end(supervisor, said, tmp_path):
    process = python(tmp_path, "")
    supervisor.start("demo", process, essential=False)
    deadline = time.monotonic() + PATIENCE_SECONDS
    supervisor.watch(until=lambda: process.child.returncode is not None or time.monotonic() > deadline)
    deadline = time.monotonic() + 0.3
    supervisor.watch(until=lambda: time.monotonic() > deadline)
    assert said == []
    assert process.child.returncode == 0


def test_stopping_takes_along_what_a_process_started_itself(tmp_path):
    process = python(
        tmp_path,
        "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); __import__('time').sleep(60)",
    )
    process.start()
    wait_until(lambda: process.log.read_text().strip())
    grandchild = int(process.log.read_text())
    assert alive(grandchild)
    process.stop()
    wait_until(lambda: not alive(grandchild))
