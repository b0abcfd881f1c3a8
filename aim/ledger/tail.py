"""The reading end of the ledger in one process: each entry is read and parsed once for all followers near the end."""

import threading
from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db import connection
from psycopg import Cursor

from aim.ledger.followers import SealedEntry, Stretch
from aim.ledger.reading import read_body

BATCH = 2_000
KEPT = 4_000
_SELECT = """
SELECT l.seq, e.id, e.kind, e.organization_id, e.subject_id, e.recorded_at, e.body, e.disclosures
FROM ledger_leaf l JOIN ledger_entry e ON e.id = l.entry_id
"""
_BETWEEN = "WHERE l.seq > %s AND l.seq <= %s AND (%s::text[] IS NULL OR e.kind = ANY (%s)) ORDER BY l.seq"
_AT = "WHERE l.seq = ANY (%s) ORDER BY l.seq"
_seq = attrgetter("seq")


def read_entries(after: int, upto: int, kinds: Iterable[str] | None) -> list[SealedEntry]:
    """The entries of these kinds with `after` < seq <= `upto`, by the connection of the calling thread."""
    names = None if kinds is None else list(kinds)
    return _read(_BETWEEN, [after, upto, names, names])


def read_places(places: Iterable[int]) -> list[SealedEntry]:
    """The entries in these places, as far as they are in the database."""
    return _read(_AT, [list(places)])


def _read(where: str, values: list[Any]) -> list[SealedEntry]:
    connection.ensure_connection()
    # In binary: bodies as text take twice the bytes, and moments come by way of Django's Python. Planned anew each
    # time, as the best plan depends on how many entries lie between the two numbers.
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        rows = cursor.execute(_SELECT + where, values, binary=True, prepare=False).fetchall()
    return [
        SealedEntry(seq, entry_id, kind, organization_id, subject_id, recorded_at, read_body(body, disclosures))
        for seq, entry_id, kind, organization_id, subject_id, recorded_at, body, disclosures in rows
    ]


class Tail:
    """Knows the newest number, lets followers wait for it to rise, and keeps what was read last."""

    def __init__(self, kinds: frozenset[str] | None) -> None:
        self._kinds = kinds
        self._newest = -1
        self._closed = False
        self._risen = threading.Condition()
        self._reading = threading.Lock()
        self._kept: list[SealedEntry] = []
        self._start = self._end = -1
        self._erased_at: datetime | None = None
        """When clear values had last been erased as the first of those kept were read."""

    @property
    def newest(self) -> int:
        return self._newest

    def rise(self, newest: int) -> None:
        """Take in that every number up to this one is given, and committed."""
        with self._risen:
            if newest > self._newest:
                self._newest = newest
                self._risen.notify_all()

    def wait(self, beyond: int, seconds: float) -> None:
        """Wait until there is something after `beyond`, but no longer than so many seconds."""
        with self._risen:
            self._risen.wait_for(lambda: self._closed or self._newest > beyond, seconds)

    def close(self) -> None:
        """Nobody waits any more: the process ends."""
        with self._risen:
            self._closed = True
            self._risen.notify_all()

    def read(self, after: int, erased_at: datetime | None = None, limit: int = BATCH) -> Stretch:
        """The next numbers after `after`, at most `limit` of them, with no clear values erased by `erased_at`."""
        upto = min(after + limit, self._newest)
        if upto <= after:
            return Stretch([], after)
        with self._reading:
            if erased_at is not None and (self._erased_at is None or self._erased_at < erased_at):
                self._kept, self._start, self._end, self._erased_at = [], -1, -1, erased_at
            if after < self._start or after > self._end:
                # Far behind, or the first to read: what others are about to need must not be pushed out for it.
                if self._end - after > KEPT:
                    return Stretch(read_entries(after, upto, self._kinds), upto)
                self._kept, self._start, self._end = [], after, after
            if upto > self._end:
                self._kept += read_entries(self._end, upto, self._kinds)
                self._end = upto
                self._forget()
            first = bisect_right(self._kept, after, key=_seq)
            return Stretch(self._kept[first : bisect_right(self._kept, upto, key=_seq)], upto)

    def _forget(self) -> None:
        """A few with each read: the memory of many at once would go back to the system, and be asked for again."""
        if self._end - self._start > KEPT:
            self._start = self._end - KEPT
            self._kept = self._kept[bisect_right(self._kept, self._start, key=_seq) :]
