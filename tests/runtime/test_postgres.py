import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from aim.runtime import privileges
from aim.runtime.children import Identity, start_child
from aim.runtime.folders import RuntimeProblem
from aim.runtime.postgres import Postgres, find_binaries

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")
START = """
import os, sys
from pathlib import Path
from aim.runtime.postgres import Postgres
from aim.runtime.valkey import Valkey
assert os.geteuid() != 0
for server in (Postgres(Path(sys.argv[1]), password="x", durable=False), Valkey(Path(sys.argv[1]))):
    server.start()
    server.stop()
"""


@pytest.fixture
def open_folder():
    """A folder that every user may pass through, as `var` in a checkout under /srv or /home."""
    with tempfile.TemporaryDirectory(prefix="aim-tests-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def ask(server, question):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        (answer,) = connection.execute(question).fetchone() or [None]
        return answer


@pytest.mark.requirement("O.1")
def test_it_is_durable_private_and_finds_its_data_again(tmp_path):
    server = Postgres(tmp_path, password="first p/ss")
    server.start()
    try:
        assert [ask(server, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")] == [
            "on"
        ] * 3
        assert ask(server, "SHOW listen_addresses") == ""
        assert ask(server, "SHOW max_connections") == "200"
        assert ask(server, "SELECT datlocale FROM pg_database WHERE datname = 'aim'") == "C.UTF-8"
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(Postgres(tmp_path, password="wrong").url())
        assert server.sockets.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop()
    # The environment file was lost and made anew: the data stay reachable for whoever owns the folder.
    server = Postgres(tmp_path, password="second")
    server.start()
    try:
        assert ask(server, "SELECT answer FROM kept") == 42
    finally:
        server.stop()


@as_root
def test_root_s_cluster_belongs_to_nobody_or_to_root_by_turns(open_folder):
    server = Postgres(open_folder, password="x", durable=False)
    server.start()
    server.stop()
    assert server.data.stat().st_uid != 0
    open_folder.chmod(0o700)  # Now `nobody` may not enter: a user namespace takes its place.
    server = Postgres(open_folder, password="x", durable=False)
    server.start()
    try:
        assert server.data.stat().st_uid == 0
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()


@as_root
def test_binaries_out_of_reach_are_copied_where_namespaces_are_forbidden(open_folder, monkeypatch):
    copied = privileges._copy_binaries(find_binaries(), open_folder)
    monkeypatch.setenv("AIM_PG_BINDIR", str(copied))
    server = Postgres(open_folder, password="x", durable=False)
    server.start()
    try:
        assert ask(server, "SELECT 1") == 1
        assert Path(f"/proc/{server.pid}/exe").readlink().is_relative_to(open_folder)
    finally:
        server.stop()


@as_root
def test_an_ordinary_user_needs_nothing_special(tmp_path):
    command = [sys.executable, "-c", START, str(tmp_path)]
    child = start_child(command, identity=Identity(enter=privileges._namespace_entry()), output=subprocess.PIPE)
    printed, _ = child.communicate(timeout=120)
    assert child.returncode == 0, printed


def test_a_long_path_gets_a_short_socket(tmp_path):
    server = Postgres(tmp_path / ("long" * 30), password="x", durable=False)
    server.start()
    try:
        assert not server.sockets.is_relative_to(tmp_path)
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()
    assert not server.sockets.exists()


def test_a_wrong_folder_of_binaries_is_named(monkeypatch):
    monkeypatch.setenv("AIM_PG_BINDIR", "/nonexistent")
    with pytest.raises(RuntimeProblem, match="AIM_PG_BINDIR is /nonexistent"):
        find_binaries()


def test_a_server_that_cannot_start_says_why(tmp_path):
    server = Postgres(tmp_path, password="x", durable=False, settings={"shared_buffers": "nonsense"})
    with pytest.raises(RuntimeProblem, match="shared_buffers"):
        server.start()


@pytest.mark.skipif(shutil.which("pg_config") is None, reason="no PostgreSQL is installed beside the package's")
def test_an_installed_postgresql_serves_as_well(open_folder, monkeypatch):
    found = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
    monkeypatch.setenv("AIM_PG_BINDIR", found.stdout.strip())
    server = Postgres(open_folder, password="x", durable=False)
    server.start()
    try:
        assert Path(f"/proc/{server.pid}/exe").readlink().parent == Path(found.stdout.strip()).resolve()
        question = "SELECT string_agg(v, '' ORDER BY v) || upper('ä') FROM (VALUES ('a'), ('B'), ('_')) AS t(v)"
        assert ask(server, question) == "B_aÄ"
    finally:
        server.stop()
