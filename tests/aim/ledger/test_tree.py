"""The tree is that of RFC 6962, whatever its size; its proofs convince a verifier that was written independently."""

from hashlib import sha256

import pytest

from aim.ledger.tree import EMPTY_ROOT, TileId, Tree, leaf_hash, node_hash, root_of, tile_width, tiles_of

# The inputs of the test vectors that the logs of Certificate Transparency share, and the roots over the first n.
VECTORS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = [1, 2, 3, 7, 8, 100, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_537, 70_000]
LEAVES = [leaf_hash(b"%d" % number) for number in range(70_000)]


def recursive_root(leaves):
    """As the RFC defines it."""
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(recursive_root(leaves[:middle]), recursive_root(leaves[middle:]))


class Tiles:
    """All tiles over some leaves, made by definition."""

    def __init__(self, leaves):
        self.rows = [leaves]
        while len(self.rows[-1]) >= 256:
            row = self.rows[-1]
            self.rows.append([root_of(row[start : start + 256]) for start in range(0, len(row) - 255, 256)])
        self.asked = []

    def __call__(self, tile, width):
        self.asked.append((tile, width))
        hashes = self.rows[tile.level][tile.number * 256 : tile.number * 256 + width]
        assert len(hashes) == width > 0
        return b"".join(hashes)


ALL = Tiles(LEAVES)


def verify_inclusion(leaf, index, size, path):
    """RFC 9162 section 2.1.3.2, which walks the bits of the index instead of splitting the tree."""
    node, last, found = index, size - 1, leaf
    for step in path:
        assert last > 0
        if node & 1 or node == last:
            found = node_hash(step, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, step)
        node, last = node >> 1, last >> 1
    assert last == 0
    return found


def verify_consistency(first, second, first_root, path):
    """RFC 9162 section 2.1.4.2; answers the roots it comes to."""
    path = [first_root, *path] if first & (first - 1) == 0 else list(path)
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for step in path[1:]:
        assert last > 0
        if node & 1 or node == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, step)
        node, last = node >> 1, last >> 1
    assert last == 0
    return old, new


@pytest.mark.parametrize("count", range(1, 9))
def test_published_vectors(count):
    hashes = [leaf_hash(bytes.fromhex(text)) for text in VECTORS[:count]]
    assert root_of(hashes).hex() == ROOTS[count - 1]
    assert Tree(count, Tiles(hashes)).root().hex() == ROOTS[count - 1]


def test_empty_tree():
    assert Tree(0, ALL).root() == EMPTY_ROOT == sha256(b"").digest()
    assert list(tiles_of(0)) == []


@pytest.mark.parametrize("size", SIZES)
def test_root_is_that_of_the_definition(size):
    assert Tree(size, ALL).root() == recursive_root(LEAVES[:size])


@pytest.mark.parametrize("size", SIZES)
def test_inclusion_of_first_last_and_others(size):
    tree, root = Tree(size, ALL), recursive_root(LEAVES[:size])
    for index in {0, size - 1, size // 2, size // 3, min(size - 1, 255), min(size - 1, 256)}:
        path = tree.inclusion(index)
        assert verify_inclusion(LEAVES[index], index, size, path) == root
        assert verify_inclusion(leaf_hash(b"another"), index, size, path) != root


@pytest.mark.parametrize("size", SIZES)
def test_consistency_with_every_kind_of_beginning(size):
    tree, root = Tree(size, ALL), recursive_root(LEAVES[:size])
    for earlier in {1, size // 2, size // 3, size - 1, min(size, 256), min(size, 512)} - {0, size}:
        if earlier > size:
            continue
        old = recursive_root(LEAVES[:earlier])
        assert verify_consistency(earlier, size, old, tree.consistency(earlier)) == (old, root)
    assert tree.consistency(size) == tree.consistency(0) == []


def test_small_trees_whole():
    for size in range(1, 40):
        tree, root = Tree(size, ALL), recursive_root(LEAVES[:size])
        for index in range(size):
            assert verify_inclusion(LEAVES[index], index, size, tree.inclusion(index)) == root
        for earlier in range(1, size):
            old = recursive_root(LEAVES[:earlier])
            assert verify_consistency(earlier, size, old, tree.consistency(earlier)) == (old, root)


@pytest.mark.parametrize(("size", "index"), [(0, 0), (3, 3), (3, -1)])
def test_no_proof_of_what_is_not_there(size, index):
    with pytest.raises(ValueError, match="no leaf"):
        Tree(size, ALL).inclusion(index)
    with pytest.raises(ValueError, match="begin"):
        Tree(size, ALL).consistency(size + 1)


def test_tiles_of_the_example_in_the_specification():
    widths = dict(tiles_of(70_000))
    assert sum(width == 256 for tile, width in widths.items() if tile.level == 0) == 273
    assert widths[TileId(0, 273)] == 112
    assert (widths[TileId(1, 0)], widths[TileId(1, 1)], widths[TileId(2, 0)]) == (256, 17, 1)
    assert len(widths) == 277
    assert [width for _, width in tiles_of(256)] == [256, 1]
    assert tile_width(TileId(0, 300), 70_000) == tile_width(TileId(3, 0), 70_000) == 0


def test_a_proof_reads_few_tiles():
    tiles = Tiles(LEAVES)
    Tree(70_000, tiles).inclusion(12_345)
    assert len(tiles.asked) == len(set(tiles.asked)) <= 5
