"""`manage.py up`: the whole product in the foreground, with its own PostgreSQL and Valkey where none are named."""

import argparse
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from aim.runtime.environment import data_folder
from aim.runtime.folders import RuntimeProblem
from aim.runtime.product import Options, Product

_HIGHEST_PORT = 65_535


class Command(BaseCommand):
    help = "Start everything in the foreground: PostgreSQL, Valkey, web, worker, beat. Ctrl-C stops it."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=_port, default=8000, help="default 8000; 0 takes a free one")
        parser.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1")
        parser.add_argument("--data", type=Path, help="data folder; default AIM_DATA, else var in the checkout")
        parser.add_argument("--demo", action="store_true", help="load an organization with live traffic")
        parser.add_argument("--web-processes", type=_count, default=1, help="web processes on the same port; default 1")
        parser.add_argument("--email", default="admin@localhost", help="the first admin's; default admin@localhost")
        parser.add_argument("--organization", default="My organization", help="the first organization's name")

    def handle(self, *_args: object, **options: Any) -> None:
        product = Product(
            Options(
                data=data_folder([] if options["data"] is None else ["--data", str(options["data"])]),
                host=options["host"],
                port=options["port"],
                web_processes=options["web_processes"],
                demo=options["demo"],
                email=options["email"],
                organization=options["organization"],
            ),
            say=self._say,
            has_people=_has_people,
        )
        try:
            product.run()
        except RuntimeProblem as problem:
            raise CommandError(str(problem)) from problem

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _has_people() -> bool:
    try:
        return get_user_model()._default_manager.exists()  # noqa: SLF001 - Django's documented name for it
    finally:
        connection.close()


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{port} is no port: 0 to {_HIGHEST_PORT}")
    return port


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count
