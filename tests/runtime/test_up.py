"""The product as people start it. Two starts in all, because each takes seconds."""

import http.client
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
import pytest

from aim.runtime.environment import CHECKOUT, read_environment
from tests.factories.timing import wait_until
from tests.runtime.processes import alive, descendants

NAMES = ("PATH", "HOME", "LANG")
SILENCE_SECONDS = 90


class Up:
    """`manage.py up` in the foreground of nobody's terminal, read line by line."""

    def __init__(self, *arguments, **variables):
        kept = {name: os.environ[name] for name in NAMES if name in os.environ} | variables
        self.process = subprocess.Popen(
            [sys.executable, CHECKOUT / "manage.py", "up", *arguments],
            env=kept,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.seen: list[str] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def read_until(self, pattern):
        while True:
            line = self.lines.get(timeout=SILENCE_SECONDS)
            assert line is not None, f"{pattern!r} never came: {''.join(self.seen)}"
            self.seen.append(line)
            if found := re.search(pattern, line):
                return found

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(90)
        self.reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def data():
    with tempfile.TemporaryDirectory(prefix="aim-tests-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name) / "data"


@pytest.fixture
def up():
    started = []

    def start(*arguments, **variables):
        started.append(Up(*arguments, **variables))
        return started[-1]

    yield start
    for one in started:
        one.close()


def get(port, path, *, token=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={} if token is None else {"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.requirement("O.1")
def test_first_start_kill_second_start_and_ctrl_c(up, data):
    first = up("--port", "0", "--data", str(data), "--email", "first@example.com", "--web-processes", "2")
    port = int(first.read_until(r"Ready after .* http://127\.0\.0\.1:(\d+)")[1])
    assert first.read_until(r"sign in as +(\S+)")[1] == "first@example.com"
    assert first.read_until(r"one-time password +(\S+)")
    token = first.read_until(r"API token +(aimp_\S+)")[1]
    first.read_until("Ctrl-C")
    assert get(port, "/readyz") == 200
    assert get(port, "/api/v1/me") == 401
    assert get(port, "/api/v1/me", token=token) == 200
    a_second_up_on_the_same_data_refuses(up, data)
    a_command_in_another_terminal_finds_the_product(data)

    # Nothing survives the death of the supervisor, by whatever signal.
    children = descendants(first.process.pid)
    assert len(children) >= 6  # PostgreSQL, Valkey, two web processes, worker, beat
    first.process.kill()
    wait_until(lambda: not any(alive(pid) for pid in children), what="the end of every child")
    assert not any("AIM_SECRET_KEY" in line for line in first.seen)

    second = up("--port", "0", "--data", str(data))
    port = int(second.read_until(r"Ready after .* http://127\.0\.0\.1:(\d+)")[1])
    second.read_until("Ctrl-C")
    assert not any("password" in line for line in second.seen)
    assert get(port, "/readyz") == 200
    a_web_process_that_dies_is_replaced(second, port)
    a_database_that_dies_is_started_again(second, port, data)

    children = descendants(second.process.pid)
    began = time.monotonic()
    second.process.send_signal(signal.SIGINT)
    second.read_until("Stopped")
    assert second.process.wait(60) == 0
    assert time.monotonic() - began < 60
    assert not any(alive(pid) for pid in children)


def a_second_up_on_the_same_data_refuses(up, data):
    again = up("--port", "0", "--data", str(data))
    again.read_until(r"already runs on .*process \d+")
    assert again.process.wait(60) == 1


def a_command_in_another_terminal_finds_the_product(data):
    kept = {name: os.environ[name] for name in NAMES if name in os.environ}
    result = subprocess.run(
        [sys.executable, CHECKOUT / "manage.py", "migrate", "--check"],
        env={**kept, "AIM_DATA": str(data)},
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def a_web_process_that_dies_is_replaced(up, port):
    web = next(pid for pid in descendants(up.process.pid) if b"aim.runtime.serve" in command_line(pid))
    os.kill(web, signal.SIGKILL)
    up.read_until("web was ended by SIGKILL; starting it again")
    wait_until(lambda: answers(port), what="the new web process")


def a_database_that_dies_is_started_again(up, port, data):
    os.kill(int((data / "postgres" / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
    up.read_until("PostgreSQL was ended by SIGKILL; starting it again")
    wait_until(lambda: accepts_connections(data), what="the database's return")
    wait_until(lambda: answers(port), what="readiness after the database's return")


def accepts_connections(data):
    try:
        psycopg.connect(read_environment(data)["DATABASE_URL"]).close()
    except psycopg.OperationalError:
        return False
    return True


def command_line(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def answers(port):
    try:
        return get(port, "/readyz") == 200
    except OSError:
        return False


def test_a_port_that_is_taken_is_named(up, data):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = up("--port", str(port), "--data", str(data))
        refused.read_until(f"Port {port} on 127.0.0.1 cannot be used: Address already in use.*--port N")
        assert refused.process.wait(60) == 1


def test_plain_http_is_not_served_to_others(up, data):
    refused = up("--host", "0.0.0.0", "--data", str(data))
    refused.read_until("AIM_ORIGIN=https://")
    assert refused.process.wait(60) == 1


@pytest.mark.requirement("O.1")
def test_nothing_is_migrated_under_settings_that_are_refused(up, data):
    nowhere = {"DATABASE_URL": "postgresql:///nowhere?host=/nonexistent", "REDIS_URL": "unix:///nonexistent"}
    refused = up("--port", "0", "--data", str(data), **nowhere, AIM_TRUSTED_PROXIES="0.0.0.0/0")
    refused.read_until("`manage.py migrate` failed")
    refused.read_until("aim.E005.* trusts everybody")
    assert refused.process.wait(60) == 1


def test_a_data_folder_that_cannot_be_made_is_named(up):
    refused = up("--data", "/proc/aim")
    refused.read_until("/proc/aim cannot be used: .*--data DIR")
    assert refused.process.wait(60) == 1
