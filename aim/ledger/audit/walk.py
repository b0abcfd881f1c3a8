"""The audit of the whole ledger: every entry, its place, the tree over them, the checkpoints, and what stands beside.

It reads by the calling thread's connection, in one snapshot where the caller has begun one, and in stretches whose
size does not depend on that of the ledger.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from aim import clock
from aim.ids import uuid7_floor
from aim.ledger.audit.entries import EntryRow, read_row
from aim.ledger.audit.findings import Audited, Finding, new_counterparts
from aim.ledger.audit.seals import Frontier, Signed, audit_checkpoints, audit_keys
from aim.ledger.events import Event
from aim.ledger.models import Checkpoint, Entry, Tile
from aim.ledger.notes import Checkpoint as Statement
from aim.ledger.sealing import sealed_size
from aim.ledger.tree import HEIGHT, TileId

STRETCH = 5_000
GRACE = timedelta(seconds=60)
"""How old an entry may be that has no place yet."""
MOST_FINDINGS = 1_000
_READ = """
SELECT l.seq, l.entry_id, l.leaf, e.id, e.organization_id, e.kind, e.subject_id, e.recorded_at, e.body, e.disclosures
FROM ledger_leaf l LEFT JOIN ledger_entry e ON e.id = l.entry_id
WHERE l.seq > %s ORDER BY l.seq LIMIT %s
"""
_WITHOUT_PLACE = """
SELECT e.id FROM ledger_entry e
WHERE e.id < %s AND NOT EXISTS (SELECT FROM ledger_leaf l WHERE l.entry_id = e.id) ORDER BY e.id LIMIT %s
"""
_STRAY_TILES = """
SELECT level, number FROM ledger_tile
WHERE level NOT BETWEEN 0 AND 6 OR number < 0 OR number >= (%s::bigint >> (8 * (level + 1)))
ORDER BY level, number LIMIT %s
"""


@dataclass(frozen=True)
class Summary:
    """What was looked at: `size` and `root` are the ledger's, `archived` entries are no longer in the database."""

    size: int
    root: bytes
    sealed: int
    checkpoints: int
    archived: int
    findings: list[Finding]


class Audit:
    """One audit. `kept` is a checkpoint that was kept elsewhere; `progress` is told how many entries are done."""

    def __init__(
        self,
        *,
        kept: Statement | None = None,
        grace: timedelta = GRACE,
        progress: Callable[[int], object] = lambda _done: None,
    ) -> None:
        self._kept = kept
        self._grace = grace
        self._progress = progress
        self._frontier = Frontier()
        self._sealed = sealed_size()
        self._seals = _Seals()
        self._next = 0
        self._counterparts = list(new_counterparts())
        self._without_values: dict[UUID, str] = {}
        self._erased: set[UUID] = set()
        self._gone: defaultdict[str, list[str]] = defaultdict(list)
        self._detached: dict[str, int] = {}

    def run(self) -> Summary:
        """Look at everything, in the order of the ledger; no more than a thousand findings are listed."""
        findings: list[Finding] = []
        for finding in self._findings():
            findings.append(finding)
            if len(findings) == MOST_FINDINGS:
                break
        archived = sum(count for month, count in self._detached.items() if len(self._gone[month]) == count)
        size, root = self._frontier.size, self._frontier.root()
        return Summary(size, root, self._sealed, self._seals.count, archived, findings)

    def _findings(self) -> Iterator[Finding]:
        yield from audit_keys()
        yield from self._entries()
        yield from self._seals.rest(self._frontier.size)
        yield from self._kept_checkpoint()
        yield from self._tiles_too_many()
        yield from self._without_place()
        yield from self._entries_gone()
        yield from self._erasures()
        for counterpart in self._counterparts:
            yield from counterpart.finish(self._erased)

    def _entries(self) -> Iterator[Finding]:
        yield from self._checkpoints_here()
        while rows := self._read():
            audited: list[Audited] = []
            for row in rows:
                yield from self._take_place(row)
                if row.id is None:
                    self._gone[_month(row.entry_id)].append(row.shown)
                    continue
                entry, found = read_row(row)
                yield from found
                if entry is not None:
                    self._remember(entry, row)
                    audited.append(entry)
            for counterpart in self._counterparts:
                yield from counterpart.compare(audited)
            yield from self._tiles()
            self._progress(self._frontier.size)

    def _read(self) -> list[EntryRow]:
        with connection.cursor() as cursor:
            cursor.execute(_READ, [self._next - 1, STRETCH])
            rows = cursor.fetchall()
        return [_row(*columns) for columns in rows]

    def _take_place(self, row: EntryRow) -> Iterator[Finding]:
        if row.seq != self._next:
            yield Finding("place_missing", f"seq {self._next}", f"the next one is {row.seq}")
        self._next = row.seq + 1
        self._frontier.add(row.leaf)
        yield from self._checkpoints_here()

    def _checkpoints_here(self) -> Iterator[Finding]:
        size = self._frontier.size
        yield from self._seals.compare(self._frontier)
        if self._kept is not None and self._kept.size == size and self._kept.root != self._frontier.root():
            yield Finding("kept_checkpoint_contradicted", _shown(self._kept), f"the first {size} entries are others")

    def _remember(self, entry: Audited, row: EntryRow) -> None:
        data = entry.body["data"]
        if entry.kind == Event.LEDGER_ERASED.value:
            self._erased.update(UUID(text) for text in data["entries"])
        elif entry.kind == Event.LEDGER_DETACHED.value:
            self._detached[data["month"]] = data["entries"]
        if row.disclosures is None and entry.body["erased"]:
            self._without_values[row.entry_id] = row.shown

    def _tiles(self) -> Iterator[Finding]:
        """Compare the tiles that have filled in this stretch with those that are kept."""
        full, self._frontier.full = self._frontier.full, {}
        for level in sorted({tile.level for tile in full}):
            numbers = [tile.number for tile in full if tile.level == level and self._is_sealed(tile)]
            if not numbers:
                continue
            rows = Tile.objects.filter(level=level, number__range=(min(numbers), max(numbers)))
            kept = {row.number: (bytes(row.hashes), bytes(row.root)) for row in rows}
            for number in numbers:
                if number not in kept:
                    yield Finding("tile_missing", f"tile {level}/{number}", "is full and sealed, but not kept")
                elif kept[number] != full[TileId(level, number)]:
                    yield Finding("tile_altered", f"tile {level}/{number}", "is not what the leaves make")

    def _is_sealed(self, tile: TileId) -> bool:
        return tile.number < self._sealed >> HEIGHT * (tile.level + 1)

    def _tiles_too_many(self) -> Iterator[Finding]:
        size = self._frontier.size
        with connection.cursor() as cursor:
            cursor.execute(_STRAY_TILES, [size, MOST_FINDINGS])
            rows = cursor.fetchall()
        for level, number in rows:
            yield Finding("tile_altered", f"tile {level}/{number}", "there is no such tile")

    def _kept_checkpoint(self) -> Iterator[Finding]:
        if self._kept is None:
            return
        shown, size = _shown(self._kept), self._frontier.size
        if self._kept.size > size:
            yield Finding("tail_cut", shown, f"covers {self._kept.size} entries, but there are {size}")
        row = Checkpoint.objects.filter(number=self._kept.number).first()
        if row is None:
            yield Finding("checkpoint_missing", shown, "was signed, but is not in the database")
        elif (row.size, bytes(row.root)) != (self._kept.size, self._kept.root):
            yield Finding("kept_checkpoint_contradicted", shown, "the database has another one of this number")

    def _without_place(self) -> Iterator[Finding]:
        floor = uuid7_floor((clock.now() - self._grace).timestamp())
        with connection.cursor() as cursor:
            cursor.execute(_WITHOUT_PLACE, [floor, MOST_FINDINGS])
            rows = cursor.fetchall()
        for (entry_id,) in rows:
            yield Finding("entry_without_place", f"entry {entry_id}", "was never given a place, or has lost it")

    def _entries_gone(self) -> Iterator[Finding]:
        """A whole month may be gone once it was archived and detached, on record with the number of its entries."""
        for month, gone in self._gone.items():
            if self._detached.get(month) != len(gone):
                for shown in gone:
                    yield Finding("entry_missing", shown, "its place is there, the entry is gone")

    def _erasures(self) -> Iterator[Finding]:
        for entry_id, shown in self._without_values.items():
            if entry_id not in self._erased:
                yield Finding("erased_without_record", shown, "its clear values are gone, and no entry tells of it")
        back = Entry.objects.filter(id__in=self._erased, disclosures__isnull=False).order_by("id")
        for entry_id in back.values_list("id", flat=True):
            yield Finding("erasure_undone", f"entry {entry_id}", "its clear values were erased, and are there again")


class _Seals:
    """The checkpoints of the database, compared with the tree as it grows to the size of each."""

    def __init__(self) -> None:
        self.count = 0
        self._before = 0
        self._all = audit_checkpoints()
        self._waiting: Signed | None = None

    def compare(self, tree: Frontier) -> Iterator[Finding]:
        while True:
            if self._waiting is None:
                item = next(self._all, None)
                if item is None:
                    return
                if isinstance(item, Finding):
                    yield item
                    continue
                self._waiting = item
                self.count += 1
            statement, shown = self._waiting
            if statement.size > tree.size:
                return
            if statement.size == tree.size and statement.root != tree.root():
                yield Finding(
                    "tree_altered", shown, f"seq {self._before} to {statement.size - 1} are not what it has sealed"
                )
            self._before, self._waiting = statement.size, None

    def rest(self, size: int) -> Iterator[Finding]:
        """Those that cover more than there is."""
        items = [self._waiting, *self._all]
        for item in items:
            if isinstance(item, Finding):
                yield item
            elif item is not None:
                self.count += item is not self._waiting
                yield Finding("tail_cut", item.shown, f"covers {item.statement.size} entries, but there are {size}")


def _row(*columns: Any) -> EntryRow:
    seq, entry_id, leaf, found, organization_id, kind, subject_id, recorded_at, body, disclosures = columns
    sealed, clear = bytes(body or b""), _bytes(disclosures)
    return EntryRow(seq, entry_id, bytes(leaf), found, organization_id, kind, subject_id, recorded_at, sealed, clear)


def _bytes(value: bytes | memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)


def _shown(kept: Statement) -> str:
    return f"kept checkpoint {kept.number}"


def _month(entry_id: UUID) -> str:
    """The month of the partition that the entry was in, as far as its id names one."""
    try:
        return datetime.fromtimestamp((entry_id.int >> 80) / 1000, UTC).strftime("%Y-%m")
    except (ValueError, OverflowError):
        return ""
