"""The Merkle tree over the ledger's leaves (RFC 6962 section 2.1), in tiles of 256 hashes (C2SP tlog-tiles).

Pure arithmetic: hashes are asked for by `Reader`, wherever they are kept.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

HASH_BYTES: Final = 32
HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
"""How many hashes a full tile holds."""
EMPTY_ROOT: Final = sha256(b"").digest()


class TileId(NamedTuple):
    """A tile: at level 0 it holds leaf hashes, above it the roots of full tiles of the level below."""

    level: int
    number: int


Reader = Callable[[TileId, int], bytes]
"""The first so many hashes of a tile, one after the other."""


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def split_hashes(hashes: bytes) -> list[bytes]:
    """The hashes that stand one after the other."""
    return [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over these nodes of one level, however many there are."""
    if not hashes:
        return EMPTY_ROOT
    row = list(hashes)
    while len(row) > 1:
        # An odd node at the end rises as it is: the same as splitting at the largest power of two (RFC 6962).
        paired = [node_hash(row[place], row[place + 1]) for place in range(0, len(row) - 1, 2)]
        row = paired + row[len(row) & ~1 :]
    return row[0]


def tile_width(tile: TileId, size: int) -> int:
    """How many hashes of the tile exist in a tree of this size: 0 to 256."""
    nodes = size >> (HEIGHT * tile.level)
    return min(max(nodes - tile.number * WIDTH, 0), WIDTH)


def tile_path(tile: TileId, width: int) -> str:
    """The tile's number as addresses have it: groups of three digits, and the width of a partial tile."""
    digits = str(tile.number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if width == WIDTH else f"{path}.p/{width}"


def tiles_of(size: int) -> Iterator[tuple[TileId, int]]:
    """Every tile of a tree of this size with its width, level by level."""
    level = 0
    while nodes := size >> (HEIGHT * level):
        for index in range(-(-nodes // WIDTH)):
            tile = TileId(level, index)
            yield tile, tile_width(tile, size)
        level += 1


class Tree:
    """A tree of some size, as it was when it had that size, over tiles that hold at least so much."""

    def __init__(self, size: int, read: Reader) -> None:
        self.size = size
        self._read = read
        self._rows: dict[TileId, list[list[bytes]]] = {}

    def root(self) -> bytes:
        return EMPTY_ROOT if self.size == 0 else self._range(0, self.size)

    def inclusion(self, index: int) -> list[bytes]:
        """The audit path of a leaf, from its sibling to the child of the root (RFC 6962 section 2.1.1)."""
        if not 0 <= index < self.size:
            raise ValueError(f"There is no leaf {index} in a tree of {self.size}")
        path: list[bytes] = []
        start, end = 0, self.size
        while end - start > 1:
            middle = start + _largest_power_below(end - start)
            if index < middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, earlier: int) -> list[bytes]:
        """The proof that the tree of `earlier` leaves is a beginning of this one (RFC 6962 section 2.1.2)."""
        if not 0 <= earlier <= self.size:
            raise ValueError(f"A tree of {self.size} does not begin with one of {earlier}")
        if earlier in {0, self.size}:
            return []
        path: list[bytes] = []
        start, end, whole = 0, self.size, True
        while earlier != end:
            middle = start + _largest_power_below(end - start)
            if earlier <= middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start, whole = middle, False
        if not whole:
            path.append(self._range(start, end))
        return path[::-1]

    def _range(self, start: int, end: int) -> bytes:
        """The hash over the leaves from `start` to `end`, a subtree in the sense of RFC 6962."""
        length = end - start
        if length & (length - 1):
            middle = start + _largest_power_below(length)
            return node_hash(self._range(start, middle), self._range(middle, end))
        return self._node(length.bit_length() - 1, start >> (length.bit_length() - 1))

    def _node(self, height: int, index: int) -> bytes:
        """The root of the full subtree of that height with that index among those of its height."""
        level, inside = divmod(height, HEIGHT)
        shift = HEIGHT - inside
        tile = TileId(level, index >> shift)
        rows = self._rows.get(tile)
        if rows is None:
            rows = self._rows[tile] = _rows(split_hashes(self._read(tile, tile_width(tile, self.size))))
        return rows[inside][index - (tile.number << shift)]


def _rows(hashes: list[bytes]) -> list[list[bytes]]:
    """The rows of full subtrees above the hashes of a tile, itself first."""
    rows = [hashes]
    for _ in range(HEIGHT - 1):
        below = rows[-1]
        rows.append([node_hash(below[place], below[place + 1]) for place in range(0, len(below) - 1, 2)])
    return rows


def _largest_power_below(count: int) -> int:
    """The largest power of two that is smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)
