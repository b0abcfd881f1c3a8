"""Lists as files: every row that a filter lets through, streamed out of PostgreSQL with flat memory.

PostgreSQL writes the CSV (RFC 4180) itself; Python only passes it on in pieces. Text that a spreadsheet would take for
a formula gets a quote in front: agents and people have typed it.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

from aim.errors import ServiceError

PIECE = 256 * 1024
MOST_AT_ONCE = 2
"""So many exports may one process have under way: each keeps a connection and, for a while, a snapshot."""
LONGEST_SECONDS = 600
_LONGEST_NAME = 60
# Of the first character: = + - @ tab, line feed, carriage return, and their full-width forms.
_DANGEROUS = (61, 43, 45, 64, 9, 10, 13, 0xFF1D, 0xFF0B, 0xFF0D, 0xFF20)
_TIME = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'

_running = threading.BoundedSemaphore(MOST_AT_ONCE)


class ExportsBusyError(ServiceError):
    status = 429
    code = "exports_busy"
    retry_after = 30

    def __init__(self) -> None:
        super().__init__(_("Other exports are under way. Try again in a minute."))


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the file: its name in the first line, and the SQL expression, which is never text from outside."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Lines:
    """What a file holds: the rows of a query, in its order, and the fields that are made of them.

    `beside` joins what is no relation of the model to `rows`, in SQL of the program's own; with it, `order` says the
    order again, as a join keeps none.
    """

    fields: Sequence[Field]
    rows: QuerySet[Any, Any]
    beside: str = ""
    order: str = ""


def text(expression: str) -> str:
    """SQL for text that may come from anybody, safe in a spreadsheet."""
    codes = ",".join(map(str, _DANGEROUS))
    return f"CASE WHEN ascii({expression}) IN ({codes}) THEN '''' || {expression} ELSE {expression} END"


def moment(expression: str) -> str:
    """SQL for a time in UTC, to the millisecond, as the API writes it."""
    return f"to_char({expression} AT TIME ZONE 'UTC', '{_TIME}')"


def shown_id(prefix: str, expression: str) -> str:
    """SQL for an id as it is shown."""
    return f"'{prefix}_' || encode(uuid_send({expression}), 'hex')"


def csv_response(filename: str, lines: Lines) -> StreamingHttpResponse:
    """A download of all lines.

    The first piece is read before anything is answered, so that what fails at once is an error and no broken file; what
    fails later breaks the connection off. Raises `ExportsBusyError`, and the database's errors.
    """
    source, parameters = lines.rows.query.sql_with_params()
    behind = f"{lines.beside} {lines.order and f'ORDER BY {lines.order}'}"
    columns = ", ".join(f'{field.expression} AS "{field.name}"' for field in lines.fields)
    # Names and expressions are the program's own, and the source is what Django compiled; values are parameters.
    query = f"SELECT {columns} FROM ({source}) AS rows {behind}"  # noqa: S608
    statement = f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER, ENCODING 'UTF8')"
    reader = _Reader(statement, parameters)
    try:
        first = reader.read()
    except BaseException:
        reader.close()
        raise
    response = StreamingHttpResponse(_Stream(reader, first), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def file_name(what: str, at: datetime) -> str:
    """Such as `aim-agents-2026-11-28-1405.csv`."""
    return f"aim-{what[:_LONGEST_NAME]}-{at:%Y-%m-%d-%H%M}.csv"


class _Stream:
    """The pieces, one after the other as they are sent. Django closes it with the response, also where nobody has asked
    for them all.

    A plain iterator: pages are served by threads, and of an asynchronous one Django would first collect everything.
    """

    def __init__(self, reader: "_Reader", first: bytes) -> None:
        self._reader = reader
        self._first = first

    def __iter__(self) -> Iterator[bytes]:
        latest = time.monotonic() + LONGEST_SECONDS
        try:
            piece = self._first
            while piece:
                yield piece
                if time.monotonic() > latest:
                    raise TimeoutError("The export took too long")
                piece = self._reader.read()
        finally:
            self.close()

    def close(self) -> None:
        self._reader.close()


class _Reader:
    """A COPY on a connection of its own, read piece by piece by whichever thread is at hand."""

    def __init__(self, statement: str, parameters: Sequence[Any]) -> None:
        if not _running.acquire(blocking=False):
            raise ExportsBusyError
        self._lock = threading.Lock()
        self._closed = False
        # A connection like Django's own, with its ways of writing parameters, that no thread owns.
        self._database: BaseDatabaseWrapper = connections["default"].copy()
        self._database.inc_thread_sharing()
        try:
            self._database.connect()
            self._cursor = self._database.connection.cursor()
            self._cursor.execute("SET work_mem = '64MB'")
            self._cursor.execute(f"SET statement_timeout = '{LONGEST_SECONDS}s'")
            # Held, for the copy ends with the context that is dropped.
            self._copying = self._cursor.copy(statement, parameters)
            self._copy = self._copying.__enter__()
        except BaseException:
            self.close()
            raise

    def read(self) -> bytes:
        """The next piece; empty at the end."""
        parts, length = [], 0
        with self._lock:
            if self._closed:
                raise ConnectionAbortedError("The export was broken off")
            while length < PIECE and (row := self._copy.read()):
                parts.append(row)
                length += len(row)
        return b"".join(parts)

    def close(self) -> None:
        """Stop PostgreSQL where it is, give the connection back and let the next export in. Once is enough."""
        connection = self._database.connection
        if connection is not None and not self._closed:
            connection.cancel_safe(timeout=5)
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if connection is not None:
                connection.close()
            _running.release()
