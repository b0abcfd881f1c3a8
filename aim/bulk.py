"""Many agents or servers at once from the command line: which, how many at a time, how far it has come, what of it."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple, TypeVar
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from aim import clock
from aim.ids import IdKind, InvalidIdError, parse_id

_MOST = 64
_Result = TypeVar("_Result")


class Examined(NamedTuple):
    """What came of one: `state` is counted, and `error` is told of where the state is `failed`."""

    id: UUID
    state: str
    error: str = ""


class ReverifyCommand(BaseCommand):
    """Verifies many again, several at once: a dry run says which, `--since` goes on where it was interrupted.

    Ends with 1 when one has failed.
    """

    things: ClassVar[str]
    """What is verified, in the plural: the key of the dry run's list."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_usual_arguments(parser, concurrency=8)
        parser.add_argument("--older-than", type=float, metavar="HOURS", help="not verified for so long, or never")
        parser.add_argument(
            "--since", type=moment, metavar="MOMENT", help="go on: leave out what was examined since, in ISO 8601"
        )
        parser.add_argument("--dry-run", action="store_true", help="say which, and examine none")

    def choose(self, options: dict[str, Any]) -> dict[UUID, str]:
        """The names by id, in the order of the work; `older_than` and `since` have been made moments or None."""
        raise NotImplementedError

    def examine(self, thing_id: UUID) -> Examined:
        """One, in a thread of its own."""
        raise NotImplementedError

    def remarks(self, _options: dict[str, Any]) -> dict[str, Any]:
        """What else the answer says: more keys of the JSON."""
        return {}

    def handle(self, *_args: object, **options: Any) -> None:
        if options["older_than"] is not None:
            options["older_than"] = clock.now() - timedelta(hours=options["older_than"])
        names, remarks = self.choose(options), self.remarks(options)
        if options["dry_run"]:
            document = {"dry_run": True, self.things: sorted(names.values()), **remarks}
            self._show(document, f"{len(names)} {self.things}", options)
            return
        self.stderr.write(f"If this is interrupted, go on with --since {clock.show_time(clock.now())}")
        counts: Counter[str] = Counter()
        failed = {}
        concurrency, quiet = options["concurrency"], options["json"]
        for found in each_at_once("Verifying", list(names), self.examine, concurrency=concurrency, quiet=quiet):
            counts[found.state] += 1
            if found.state == "failed":
                failed[names[found.id]] = found.error
                if not options["json"]:
                    self.stdout.write(f"{names[found.id]}: {found.error}")
        summary = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        document = {"dry_run": False, **counts, "errors": failed, **remarks}
        self._show(document, summary or f"No {self.things}", options)
        if failed:
            sys.exit(1)

    def _show(self, document: dict[str, Any], sentence: str, options: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(document) if options["json"] else f"{sentence}.")


def add_usual_arguments(parser: ArgumentParser, *, concurrency: int) -> None:
    parser.add_argument("--organization", metavar="ID", help="org_…: only what belongs to it")
    parser.add_argument("--concurrency", type=_concurrency, default=concurrency, help=f"1 to {_MOST}, {concurrency}")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of sentences")


def each_at_once(
    title: str, ids: list[UUID], work: Callable[[UUID], _Result], *, concurrency: int, quiet: bool
) -> Iterator[_Result]:
    """What came of each, as it comes, with a bar on standard error: standard output is for programs."""

    def one(thing_id: UUID) -> _Result:
        try:
            return work(thing_id)
        finally:
            connection.close()

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar,
        ThreadPoolExecutor(concurrency) as pool,
    ):
        task = bar.add_task(title, total=len(ids))
        try:
            for future in as_completed([pool.submit(one, thing_id) for thing_id in ids]):
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


def read_id(kind: IdKind, text: str) -> UUID:
    """The id that an option names. Raises `CommandError` for one that is none."""
    try:
        return parse_id(kind, text)
    except InvalidIdError as error:
        raise CommandError(str(error)) from None


def _concurrency(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise ArgumentTypeError(f"Use a whole number from 1 to {_MOST}")
    return int(text)
