"""A database of its own for tests that look at everything there is, or that spoil it."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.core.management import call_command
from django.db import connections

from verification.engine import shut_down_engine_thread


@contextmanager
def own_database() -> Iterator[str]:
    """All that runs in this process uses a new, migrated, empty database inside the block; yields its name."""
    connection = connections["default"]
    usual, name = str(connection.settings_dict["NAME"]), f"aim_{uuid4().hex}"
    shut_down_engine_thread()
    _run(f"CREATE DATABASE {name} TEMPLATE template0")
    _use(name)
    try:
        call_command("migrate", verbosity=0, interactive=False)
        yield name
    finally:
        shut_down_engine_thread()
        _use(usual)
        _run(f"DROP DATABASE {name} WITH (FORCE)")


def _use(name: str) -> None:
    connection = connections["default"]
    connection.close()
    connection.settings_dict["NAME"] = name


def _run(statement: str) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(statement)
