"""Many servers at once from the command line: which ones, how many at a time, and how far it has come."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from django.core.management.base import CommandError
from django.db import connection
from django.db.models import QuerySet
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from aim.ids import IdKind, InvalidIdError, parse_id
from mcp.models import McpServer, ServerStatus, VerificationStatus

_MOST = 64
_Result = TypeVar("_Result")


def add_server_arguments(parser: ArgumentParser, *, concurrency: int) -> None:
    parser.add_argument("--organization", metavar="ID", help="org_…: its servers only")
    parser.add_argument("--server", action="append", default=[], metavar="ID", help="mcp_…; may be repeated")
    parser.add_argument("--verification", choices=VerificationStatus.values)
    parser.add_argument("--concurrency", type=_concurrency, default=concurrency, help=f"1 to {_MOST}, {concurrency}")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of sentences")


def chosen_servers(options: dict[str, Any]) -> QuerySet[McpServer]:
    """Those that the options name, oldest first; never a retired one. Raises `CommandError` for an id that is none."""
    rows = McpServer.objects.exclude(status=ServerStatus.RETIRED).order_by("id")
    if options["organization"]:
        rows = rows.filter(organization_id=_id(IdKind.ORGANIZATION, options["organization"]))
    if options["server"]:
        rows = rows.filter(id__in=[_id(IdKind.MCP_SERVER, text) for text in options["server"]])
    if options["verification"]:
        rows = rows.filter(verification=options["verification"])
    return rows


def each_at_once(
    title: str, ids: list[UUID], work: Callable[[UUID], _Result], *, concurrency: int, quiet: bool
) -> Iterator[_Result]:
    """What came of each, as it comes, with a bar on standard error: standard output is for programs."""

    def one(server_id: UUID) -> _Result:
        try:
            return work(server_id)
        finally:
            connection.close()

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar,
        ThreadPoolExecutor(concurrency) as pool,
    ):
        task = bar.add_task(title, total=len(ids))
        try:
            for future in as_completed([pool.submit(one, server_id) for server_id in ids]):
                bar.advance(task)
                yield future.result()
        except BaseException:
            # What has not begun does not; what has is left to end by itself.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def moment(text: str) -> datetime:
    """A moment in ISO 8601; one without a zone is in UTC."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("Use a moment such as 2026-11-28T21:00:00Z") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _concurrency(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise ArgumentTypeError(f"Use a whole number from 1 to {_MOST}")
    return int(text)


def _id(kind: IdKind, text: str) -> UUID:
    try:
        return parse_id(kind, text)
    except InvalidIdError as error:
        raise CommandError(str(error)) from None
