"""The ledger as files that need nothing but the public key to be verified; `docs/ledger.md` describes them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import UUID

import psycopg
from django.db import connection, transaction

from aim.ledger.keys import verifier_keys
from aim.ledger.models import Checkpoint
from aim.ledger.reading import shown_disclosures
from aim.ledger.sealing import last_checkpoint
from aim.ledger.tiles import read_tile
from aim.ledger.tree import tile_path, tiles_of

_STRETCH = 10_000
_ENTRY = """'{"seq": ' || l.seq || ', "entry": ' || to_json(convert_from(e.body, 'UTF8'))::text || '}'"""
# The values stay the very text that was committed to: json, unlike jsonb, keeps it. What was altered so that it is no
# pair of salt and value is shown as a pair that nothing was committed to, and not left out like what was erased.
_DISCLOSURES = """
'{"seq": ' || l.seq || ', "disclosures": {' || coalesce((
    SELECT string_agg(to_json(key)::text || coalesce(
        ': {"salt": ' || (value -> 0)::text || ', "value": ' || to_json((value -> 1)::text)::text || '}',
        ': {"salt": "", "value": ""}'), ', ' ORDER BY place)
    FROM json_each(convert_from(e.disclosures, 'UTF8')::json) WITH ORDINALITY AS disclosed(key, value, place)
), '') || '}}'
"""
_FROM = """
FROM ledger_leaf l JOIN ledger_entry e ON e.id = l.entry_id
WHERE l.seq > %s AND l.seq < %s AND (%s::uuid IS NULL OR e.organization_id = %s::uuid) AND l.seq <= %s
    AND e.id >= %s AND e.id < %s ORDER BY l.seq
"""
# JSON holds no control character, so that none of its lines is ever quoted: what is copied are the lines themselves.
_COPY = "COPY (SELECT {} {}) TO STDOUT (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02', ENCODING 'UTF8')"


Bounds = tuple[int, int, UUID | None, UUID | None, int, UUID, UUID]
"""The parameters of `_FROM`."""


class Selection(NamedTuple):
    """Which entries: of one organization or of all, from one place up to another, from one id up to another."""

    organization_id: UUID | None = None
    start: int = 0
    end: int | None = None
    ids: tuple[UUID, UUID] = (UUID(int=0), UUID(int=2**128 - 1))


@dataclass(frozen=True)
class Export:
    size: int
    entries: int
    tiles: int


def export_ledger(
    folder: Path, selection: Selection, *, progress: Callable[[int], object] = lambda _done: None
) -> Export:
    """Write what is sealed. Raises `LookupError` when nothing is, and `OSError` where the folder cannot be made."""
    newest = last_checkpoint()
    if newest is None:
        raise LookupError("Nothing is sealed yet.")
    folder.mkdir(parents=True)
    (folder / "checkpoint").write_text(newest.note)
    (folder / "keys").write_text("".join(f"{key.text()}\n" for key in verifier_keys()))
    with (folder / "checkpoints.ndjson").open("w") as stream:
        for row in Checkpoint.objects.order_by("number").iterator(chunk_size=2000):
            stream.write(json.dumps({"number": row.number, "note": row.note}, ensure_ascii=False) + "\n")
    tiles = 0
    for tile, width in tiles_of(newest.size):
        path = folder / "tile" / str(tile.level) / tile_path(tile, width)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(read_tile(tile, width))
        tiles += 1
    entries = _write_entries(folder, selection, min(newest.size, selection.end or newest.size), progress)
    return Export(newest.size, entries, tiles)


def _write_entries(folder: Path, selection: Selection, end: int, progress: Callable[[int], object]) -> int:
    """Bodies and disclosures in files apart: what was erased meanwhile can be taken out of an export as well.

    PostgreSQL writes the lines, stretch by stretch, so that neither memory nor a sort grows with the ledger.
    """
    count, after, owner = 0, selection.start - 1, selection.organization_id
    with (folder / "entries.ndjson").open("wb") as entries, (folder / "disclosures.ndjson").open("wb") as disclosures:
        while after < end - 1:
            upto = after + _STRETCH
            which = (after, end, owner, owner, upto, *selection.ids)
            count += _copy(_ENTRY, which, entries)
            _write_disclosures(which, disclosures)
            after = upto
            progress(min(upto + 1, end))
    return count


def _copy(line: str, which: Bounds, stream: BinaryIO) -> int:
    with connection.cursor() as cursor:
        with cursor.copy(_COPY.format(line, _FROM), which) as copy:
            stream.writelines(copy)
        return int(cursor.rowcount)


def _write_disclosures(which: Bounds, stream: BinaryIO) -> None:
    began = stream.tell()
    try:
        with transaction.atomic():
            _copy(_DISCLOSURES, which, stream)
    except psycopg.DataError:
        # Somebody has altered one so that it is no JSON any more: it is shown as what nothing was committed to.
        stream.seek(began)
        stream.truncate()
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT l.seq, e.disclosures {_FROM}", which)
            for seq, raw in cursor.fetchall():
                shown = shown_disclosures(None if raw is None else bytes(raw))
                line = json.dumps({"seq": seq, "disclosures": shown}, ensure_ascii=False)
                stream.write(f"{line}\n".encode())
