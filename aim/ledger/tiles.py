"""The tiles of the ledger's tree: full ones are kept, those that still grow are made from what lies below them."""

from django.db import connection

from aim.ledger.models import Tile
from aim.ledger.tree import HASH_BYTES, HEIGHT, WIDTH, TileId, root_of, split_hashes

# The hashes as one value: fetching as many rows takes longer than all that is done with them.
_LEAVES = "SELECT string_agg(leaf, '' ORDER BY seq) FROM ledger_leaf WHERE seq >= %s AND seq < %s"
_ROOTS = (
    "SELECT string_agg(root, '' ORDER BY number) FROM ledger_tile WHERE level = %s AND number >= %s AND number < %s"
)
_KEPT = "SELECT coalesce(max(number), -1) + 1 FROM ledger_tile WHERE level = %s"
_SIZE = "SELECT coalesce(max(seq), -1) + 1 FROM ledger_leaf"


class MissingHashesError(Exception):
    """The tree should have hashes that the database does not hold."""


def ledger_size() -> int:
    """How many entries have their final place."""
    with connection.cursor() as cursor:
        cursor.execute(_SIZE)
        size: int = cursor.fetchone()[0]
    return size


def read_tile(tile: TileId, width: int) -> bytes:
    """The first `width` hashes of a tile; raises `MissingHashesError`."""
    if width == WIDTH:
        kept = Tile.objects.filter(level=tile.level, number=tile.number).values_list("hashes", flat=True).first()
        if kept is not None:
            return bytes(kept)
    return _gather(tile, width)


def keep_full_tiles(size: int) -> int:
    """Keep every full tile of a tree of this size that is not kept yet; answers how many were added."""
    added = level = 0
    while full := size >> (HEIGHT * (level + 1)):
        with connection.cursor() as cursor:
            cursor.execute(_KEPT, [level])
            kept: int = cursor.fetchone()[0]
        for number in range(kept, full):
            hashes = _gather(TileId(level, number), WIDTH)
            root = root_of(split_hashes(hashes))
            Tile.objects.create(level=level, number=number, hashes=hashes, root=root)
            added += 1
        level += 1
    return added


def _gather(tile: TileId, width: int) -> bytes:
    start = tile.number * WIDTH
    with connection.cursor() as cursor:
        if tile.level == 0:
            cursor.execute(_LEAVES, [start, start + width])
        else:
            cursor.execute(_ROOTS, [tile.level - 1, start, start + width])
        hashes = bytes(cursor.fetchone()[0] or b"")
    if len(hashes) != width * HASH_BYTES:
        found = len(hashes) // HASH_BYTES
        raise MissingHashesError(f"Tile {tile.level}/{tile.number} has {found} hashes instead of {width}")
    return hashes
