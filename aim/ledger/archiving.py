"""Retention: a month that is over and sealed is written to files, and then leaves the database as a whole.

Its places, the tree and every checkpoint stay, so that archived entries are proved as before, from the files.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from uuid import UUID

from django.db import connection, transaction

from aim import clock
from aim.ids import uuid7_floor
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.ledger.exporting import Selection, export_ledger
from aim.ledger.holds import active_holds
from aim.ledger.partitions import PARTITIONED_TABLES
from aim.ledger.sealing import sealed_size
from aim.ledger.tree import leaf_hash

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
_UNSEALED = """
SELECT count(*) FROM ledger_entry e LEFT JOIN ledger_leaf l ON l.entry_id = e.id
WHERE e.id >= %s AND e.id < %s AND (l.seq IS NULL OR l.seq >= %s)
"""
_LEAVES = """
SELECT l.seq, l.leaf FROM ledger_entry e JOIN ledger_leaf l ON l.entry_id = e.id
WHERE e.id >= %s AND e.id < %s ORDER BY l.seq
"""
_OWNERS = "SELECT DISTINCT organization_id FROM ledger_entry WHERE id >= %s AND id < %s"
Remainder = Callable[[UUID, UUID], int]
_remainders: list[Remainder] = []


class ArchiveError(Exception):
    """Why the month cannot be archived, or may not leave."""


@dataclass(frozen=True)
class Month:
    """A month in UTC, as the partitions have it."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        found = _MONTH.fullmatch(text)
        if found is None:
            raise ArchiveError(f"{text} is no month such as 2026-08")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02}"

    @property
    def bounds(self) -> tuple[UUID, UUID]:
        """The first id of the month, and the first of the next."""
        after = (self.year + self.month // 12, self.month % 12 + 1)
        start, end = (datetime(year, month, 1, tzinfo=UTC) for year, month in ((self.year, self.month), after))
        return uuid7_floor(start.timestamp()), uuid7_floor(end.timestamp())

    def partition(self, table: str) -> str:
        return f"{table}_{self.year}_{self.month:02}"


@dataclass(frozen=True)
class Archived:
    month: str
    entries: int
    sha256: str
    """Of the file of entries."""
    detached: bool


def register_remainder(forget: Remainder) -> None:
    """Register what else is kept of a month's entries: a function that deletes it between two ids."""
    _remainders.append(forget)


def archive_month(
    month: Month, folder: Path, actor: Mapping[str, object], *, detach: bool = False, drop: bool = False
) -> Archived:
    """Write the month to files, read them again, and on demand take it out of the database.

    Raises `ArchiveError` where the month is not over or not sealed, or may not leave because of a legal hold.
    """
    first, end = month.bounds
    if uuid7_floor(clock.now().timestamp()) < end:
        raise ArchiveError(f"{month} is not over yet")
    _refuse_unsealed(month)
    if detach or drop:
        _refuse_held(month)
    export_ledger(folder, Selection(ids=(first, end)))
    count, digest = _read_again(folder, first, end)
    data = {"month": str(month), "entries": count, "sha256": digest}
    with transaction.atomic():
        _append(Event.LEDGER_ARCHIVED, actor, data)
    if detach or drop:
        with transaction.atomic():
            _leave(month, count, drop=drop)
            _append(Event.LEDGER_DETACHED, actor, {**data, "dropped": drop})
    return Archived(str(month), count, digest, detach or drop)


def _refuse_unsealed(month: Month) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [month.partition("ledger_entry")])
        if cursor.fetchone()[0] is None:
            raise ArchiveError(f"There is no partition of {month}")
        cursor.execute(_UNSEALED, [*month.bounds, sealed_size()])
        unsealed: int = cursor.fetchone()[0]
    if unsealed:
        raise ArchiveError(f"{unsealed} entries of {month} are not sealed yet")


def _refuse_held(month: Month) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_OWNERS, month.bounds)
        owners = {row[0] for row in cursor.fetchall()}
    for hold in active_holds():
        if hold.organization_id is None or hold.organization_id in owners:
            raise ArchiveError(f"{month} is under legal hold {hold.public_id}: {hold.reason}")


def _read_again(folder: Path, first: UUID, end: UUID) -> tuple[int, str]:
    """How many entries the files hold and their digest, once every one is found to be what its place demands."""
    digest, count = hashlib.sha256(), 0
    with (folder / "entries.ndjson").open("rb") as stream:
        for line, place in zip_longest(stream, _places(first, end)):
            if line is None or place is None:
                raise ArchiveError(f"The files hold {'fewer' if line is None else 'more'} entries than {count}")
            row = json.loads(line)
            if place != (row["seq"], leaf_hash(row["entry"].encode())):
                raise ArchiveError(f"Entry {row['seq']} is not in the files as it was sealed")
            digest.update(line)
            count += 1
    return count, digest.hexdigest()


def _places(first: UUID, end: UUID) -> Iterator[tuple[int, bytes]]:
    """Number and leaf of each of the month's entries, in order; PostgreSQL keeps what has not been asked for yet."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_LEAVES, [first, end])
        for seq, leaf in cursor:
            yield seq, bytes(leaf)


def _leave(month: Month, count: int, *, drop: bool) -> None:
    _refuse_held(month)
    with connection.cursor() as cursor:
        # Decisions wait while the table is changed: not for long, or not at all.
        cursor.execute("SET LOCAL lock_timeout = '1s'")
        for table in PARTITIONED_TABLES:
            partition = connection.ops.quote_name(month.partition(table))
            cursor.execute(f"ALTER TABLE {connection.ops.quote_name(table)} DETACH PARTITION {partition}")
            if table == "ledger_entry":
                cursor.execute(f"SELECT count(*) FROM {partition}")  # noqa: S608 - quoted above
                if cursor.fetchone()[0] != count:
                    raise ArchiveError(f"{month} has other entries than the files")
            if drop:
                cursor.execute(f"DROP TABLE {partition}")
    for forget in _remainders:
        forget(*month.bounds)


def _append(event: Event, actor: Mapping[str, object], data: Mapping[str, object]) -> None:
    append_entry(kind=event, organization_id=None, actor=actor, subject={"kind": "ledger"}, data=data)
