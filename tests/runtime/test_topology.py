"""The production shape by hand: two web processes, two workers and beat on one PostgreSQL and one Valkey."""

import http.client
import os
import socket
import sys
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from celery import Celery

from aim.runtime.environment import CHECKOUT
from aim.runtime.supervisor import Process
from aim.settings import broker_url
from tests.factories.timing import wait_until
from tests.runtime.processes import migrated_database_url
from tests.runtime.topology_tasks import NAME

VALKEY_DATABASE = 60
TASKS = 30


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def valkey_url():
    base = os.environ["REDIS_URL"].partition("?")[0]
    return f"{base}?db={VALKEY_DATABASE}" if base.startswith("unix:") else base


def ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        response.read()
    except OSError:
        return False
    else:
        return response.status == 200
    finally:
        connection.close()


@pytest.fixture
def start(tmp_path):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "aim.settings",
        "DATABASE_URL": migrated_database_url(),
        "REDIS_URL": valkey_url(),
        "PYTHONPATH": str(CHECKOUT),
    }
    started = []

    def start(name, *arguments):
        process = Process([sys.executable, *arguments], log=tmp_path / f"{name}.log", environment=environment)
        started.append(process)
        process.start()
        return process

    yield start
    for process in reversed(started):
        process.stop()


@pytest.mark.slow
@pytest.mark.requirement("O.1")
def test_two_web_processes_two_workers_and_beat_share_one_database(start, tmp_path):
    ports = [free_port(), free_port()]
    webs = [start(f"web-{number}", "-m", "aim.runtime.serve", "--port", str(port)) for number, port in enumerate(ports)]
    celery = ["-m", "celery", "-A", "aim"]
    workers = [
        start(f"w{number}", *celery, "worker", "-c", "1", "-I", "tests.runtime.topology_tasks", "-n", f"w{number}@test")
        for number in range(2)
    ]
    beat = start("beat", *celery, "beat", "-l", "INFO", "--pidfile=", "-s", str(tmp_path / "schedule"))

    for port in ports:
        wait_until(lambda port=port: ready(port), what=f"/readyz on {port}")
    each_task_runs_once_and_both_workers_take_part(workers)
    wait_until(lambda: "beat: Starting" in beat.log.read_text(), what="beat's start")
    assert beat.child.poll() is None
    decisions_go_first(webs, workers)


def decisions_go_first(webs, workers):
    least = min(nice for process in workers for nice in niceness_of(process.child.pid))
    assert max(nice for process in webs for nice in niceness_of(process.child.pid)) < least


def niceness_of(pid):
    """Of each thread of the process."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield os.getpriority(os.PRIO_PROCESS, int(task.name))


def both_answer(sender):
    return len(sender.control.ping(timeout=2) or []) == 2


def each_task_runs_once_and_both_workers_take_part(workers):
    keys = [f"topology-{uuid4()}" for _ in range(TASKS)]
    with (
        Celery(broker=broker_url(valkey_url()), set_as_current=False) as sender,
        redis.Redis.from_url(valkey_url()) as client,
    ):
        sender.conf.task_default_queue = "aim"
        wait_until(partial(both_answer, sender), what="the answer of both workers")
        for key in keys:
            sender.send_task(NAME, [key], ignore_result=True)
        wait_until(lambda: client.exists(*keys) == TASKS, what="the end of all tasks")
        traces = [client.lrange(key, 0, -1) for key in keys]
        client.delete(*keys)
    assert all(len(trace) == 1 for trace in traces)
    assert {int(trace[0]) for trace in traces} == {worker.child.pid for worker in workers}
