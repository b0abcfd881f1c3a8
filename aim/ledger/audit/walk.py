"""The audit of the whole ledger: every entry, its place, the tree over them, the checkpoints, and what stands beside.

It reads the database of the calling thread's connection, in one snapshot when the caller has begun one, in stretches
whose size does not depend on that of the ledger.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from aim import clock
from aim.ids import uuid7_floor
from aim.ledger.audit.entries import EntryRow, read_row
from aim.ledger.audit.findings import Audited, Finding, new_counterparts
from aim.ledger.audit.seals import Frontier, Signed, audit_checkpoints, audit_keys
from aim.ledger.events import Event
from aim.ledger.models import Checkpoint, Tile
from aim.ledger.notes import Checkpoint as Statement
from aim.ledger.tree import HEIGHT, TileId

STRETCH = 5_000
GRACE = timedelta(seconds=60)
"""How old an entry may be that has no place yet."""
_MOST = 1_000
_READ = """
SELECT l.seq, l.entry_id, l.leaf, e.id, e.organization_id, e.kind, e.subject_id, e.recorded_at, e.body, e.disclosures
FROM ledger_leaf l LEFT JOIN ledger_entry e ON e.id = l.entry_id
WHERE l.seq > %s ORDER BY l.seq LIMIT %s
"""
_WITHOUT_PLACE = """
SELECT e.id FROM ledger_entry e WHERE e.id < %s AND NOT EXISTS (SELECT FROM ledger_leaf l WHERE l.entry_id = e.id)
ORDER BY e.id LIMIT %s
"""
_KEPT_TILES = "SELECT level, number, hashes, root FROM ledger_tile WHERE level = %s AND number >= %s AND number <= %s"


class Summary(NamedTuple):
    """What was looked at. `findings` is cut off at a thousand; `size` and `root` are those of the whole ledger."""

    size: int
    root: bytes
    sealed: int
    checkpoints: int
    archived: int
    findings: list[Finding]


class Audit:
    """One audit. `kept` is a checkpoint that was kept elsewhere, `progress` is told how many entries are done."""

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
        self._signed: list[Signed] = []
        self._next = 0
        self._counterparts = list(new_counterparts())
        self._without_values: dict[UUID, str] = {}
        self._with_values: set[UUID] = set()
        self._erased: set[UUID] = set()
        self._seen_kept = kept is None

    def run(self) -> Summary:
        """Look at everything; what is found is listed in the order of the ledger."""
        findings: list[Finding] = []
        for finding in self._findings():
            findings.append(finding)
            if len(findings) == _MOST:
                break
        sealed = self._signed[-1].statement.size if self._signed else 0
        return Summary(self._frontier.size, self._frontier.root(), sealed, len(self._signed), 0, findings)

    def _findings(self) -> Iterator[Finding]:
        yield from audit_keys()
        yield from audit_checkpoints(self._signed)
        yield from self._entries()
        yield from self._cut_tail()
        yield from self._tiles_too_many()
        yield from self._without_place()
        yield from self._erasures()
        for counterpart in self._counterparts:
            yield from counterpart.finish(self._erased)

    def _entries(self) -> Iterator[Finding]:
        yield from self._checkpoints_here()
        while rows := self._read():
            audited: list[Audited] = []
            for row in rows:
                yield from self._place(row)
                if row.id is None:
                    yield Finding("entry_missing", row.shown, "its place is there, the entry is gone")
                    continue
                entry, found = read_row(row)
                yield from found
                if entry is not None:
                    self._note_erasure(entry, row)
                    audited.append(entry)
            for counterpart in self._counterparts:
                yield from counterpart.compare(audited)
            yield from self._tiles()
            self._progress(self._frontier.size)

    def _read(self) -> list[EntryRow]:
        with connection.cursor() as cursor:
            cursor.execute(_READ, [self._next - 1, STRETCH])
            return [
                EntryRow(seq, entry_id, bytes(leaf), found, organization, kind, subject, at, bytes(body or b""),
                         None if disclosures is None else bytes(disclosures))
                for seq, entry_id, leaf, found, organization, kind, subject, at, body, disclosures in cursor.fetchall()
            ]

    def _place(self, row: EntryRow) -> Iterator[Finding]:
        """The leaf takes its place in the tree, and the checkpoints that end there are compared with it."""
        if row.seq != self._next:
            yield Finding("place_missing", f"seq {self._next}", f"the next one is {row.seq}")
        self._next = row.seq + 1
        self._frontier.add(row.leaf)
        yield from self._checkpoints_here()

    def _checkpoints_here(self) -> Iterator[Finding]:
        size = self._frontier.size
        while self._due < len(self._signed) and self._signed[self._due].statement.size <= size:
            statement, shown = self._signed[self._due]
            before = self._signed[self._due - 1].statement.size if self._due else 0
            self._due += 1
            if statement.size == size and statement.root != self._frontier.root():
                yield Finding("tree_altered", shown, f"the first one that differs is among seq {before} to {size - 1}")
        if self._kept is not None and self._kept.size == size and not self._seen_kept:
            self._seen_kept = True
            if self._kept.root != self._frontier.root():
                yield Finding("kept_checkpoint_contradicted", _shown(self._kept), f"the first {size} entries are others")

    _due = 0

    def _note_erasure(self, entry: Audited, row: EntryRow) -> None:
        if entry.kind == Event.LEDGER_ERASED.value:
            self._erased.update(UUID(text) for text in entry.body["data"]["entries"])
        if row.disclosures is None and entry.body["erased"]:
            self._without_values[row.entry_id] = row.shown
        elif row.disclosures is not None:
            self._with_values.add(row.entry_id)

    def _tiles(self) -> Iterator[Finding]:
        """Compare the tiles that have filled in this stretch with those that are kept."""
        sealed = self._signed[-1].statement.size if self._signed else 0
        full = {
            tile: hashes for tile, hashes in self._frontier.full.items() if tile.number < sealed >> HEIGHT * (tile.level + 1)
        }
        kept: dict[TileId, tuple[bytes, bytes]] = {}
        for level in {tile.level for tile in full}:
            numbers = [tile.number for tile in full if tile.level == level]
            with connection.cursor() as cursor:
                cursor.execute(_KEPT_TILES, [level, min(numbers), max(numbers)])
                kept |= {TileId(row[0], row[1]): (bytes(row[2]), bytes(row[3])) for row in cursor.fetchall()}
        for tile, hashes in full.items():
            if tile not in kept:
                yield Finding("tile_missing", f"tile {tile.level}/{tile.number}", "full and sealed, but not kept")
            elif kept[tile] != hashes:
                yield Finding("tile_altered", f"tile {tile.level}/{tile.number}", "is not what the leaves make")
        self._frontier.full.clear()
