"""Proofs from the ledger: that an entry is in it, and that it has only ever grown."""

import base64
from typing import NamedTuple
from uuid import UUID

from aim.ledger.models import Checkpoint, Entry, Leaf
from aim.ledger.tiles import read_tile
from aim.ledger.tree import Tree


class NotSealedError(Exception):
    """The entry is on record, but no checkpoint covers it yet."""


class Proof(NamedTuple):
    """An entry, its place, and the hashes that lead from it to the root that the checkpoint signs."""

    entry: Entry
    seq: int
    leaf: bytes
    path: list[bytes]
    checkpoint: Checkpoint

    def text(self) -> str:
        """The whole as one text file (c2sp.org/tlog-proof), which needs nothing but the public key to be checked."""
        path = "".join(f"{base64.b64encode(step).decode()}\n" for step in self.path)
        return f"c2sp.org/tlog-proof@v1\nindex {self.seq}\n{path}\n{self.checkpoint.note}"


def prove_entry(entry_id: UUID) -> Proof:
    """Raises `NotSealedError`; the entry must exist."""
    return prove(Entry.objects.get(id=entry_id))


def prove(entry: Entry) -> Proof:
    """As `prove_entry`, for whoever has read the entry already."""
    leaf = Leaf.objects.filter(entry_id=entry.id).first()
    checkpoint = Checkpoint.objects.order_by("-number").first()
    if leaf is None or checkpoint is None or checkpoint.size <= leaf.seq:
        raise NotSealedError
    path = Tree(checkpoint.size, read_tile).inclusion(leaf.seq)
    return Proof(entry, leaf.seq, bytes(leaf.leaf), path, checkpoint)


def prove_consistency(earlier: int, later: int) -> list[bytes]:
    """The hashes that show that the ledger of `earlier` entries is the beginning of that of `later` entries."""
    return Tree(later, read_tile).consistency(earlier)
