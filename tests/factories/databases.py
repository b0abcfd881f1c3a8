"""A database of its own for tests that look at everything there is, or that spoil it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from uuid import uuid4

from django.db import connections

from verification.engine import shut_down_engine_thread

_template: list[str] = []


@contextmanager
def own_database(*, migrated: bool = True) -> Iterator[str]:
    """All that runs in this process uses a new, empty database inside the block, migrated or not; yields its name."""
    usual = str(connections["default"].settings_dict["NAME"])
    shut_down_engine_thread()
    name = f"aim_{uuid4().hex}"
    _run(f"CREATE DATABASE {name} TEMPLATE {_template[0] if migrated else 'template1'}")
    _use(name)
    try:
        yield name
    finally:
        shut_down_engine_thread()
        _use(usual)
        _run(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def database_beside() -> Iterator[str]:
    """The address of a new, migrated, empty database, for a program beside this process, which keeps its own."""
    name = f"aim_{uuid4().hex}"
    _run(f"CREATE DATABASE {name} TEMPLATE {_template[0]}")
    before, _, after = os.environ["DATABASE_URL"].partition("?")
    try:
        yield f"{before.rpartition('/')[0]}/{name}?{after}"
    finally:
        _run(f"DROP DATABASE {name} WITH (FORCE)")


def drop_template() -> None:
    """At the end of the tests of this process."""
    while _template:
        _run(f"DROP DATABASE {_template.pop()} WITH (FORCE)")


@contextmanager
def first_template() -> Iterator[str]:
    """The template of the worker of this run that migrated first, or nothing for that worker itself.

    The others wait for it: two that migrate at once on two processors take as long as one after the other.
    """
    folder = os.environ.get("AIM_TEST_FOLDER")
    if folder is None:
        yield ""
        return
    with (Path(folder) / "template").open("a+") as file:
        flock(file, LOCK_EX)
        file.seek(0)
        name = file.read()
        yield name
        if not name:
            file.write(_template[0])


def make_template() -> None:
    """A copy of the database of the tests while it is empty, to be copied in turn: the migrations take seconds."""
    name = f"aim_template_{uuid4().hex}"
    _run(f"CREATE DATABASE {name} TEMPLATE {connections['default'].settings_dict['NAME']}")
    _template.append(name)


def _use(name: str) -> None:
    connection = connections["default"]
    connection.close()
    connection.settings_dict["NAME"] = name


def _run(statement: str) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(statement)
